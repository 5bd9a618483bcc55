import type { ReactNode } from "react";

/** A small table that is whole in the page; on a narrow screen it scrolls sideways. */
export function TableCard({ label, className, children }: { label: string; className?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it.
    <div className="card scroll-x" role="group" aria-label={label} tabIndex={0}>
      <table className={className ? `plain-table ${className}` : "plain-table"}>{children}</table>
    </div>
  );
}
