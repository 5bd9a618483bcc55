import { type LinkProps, useLinkProps } from "@tanstack/react-router";
import type { ReactNode } from "react";

/** Parts of a page that have addresses of their own. */
export function Tabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav className="tab-row" aria-label={label}>
      {children}
    </nav>
  );
}

/** Active is what the page says: the router would also call a tab active whose filters the address has among others. */
export function Tab({
  search,
  active,
  children,
}: Pick<LinkProps, "search"> & { active: boolean; children: ReactNode }) {
  const link = useLinkProps({ to: ".", search: search as never });
  return (
    <a {...link} className="tab" aria-current={active ? "page" : undefined}>
      {children}
    </a>
  );
}
