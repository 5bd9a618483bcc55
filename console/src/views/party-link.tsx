import { Link } from "@tanstack/react-router";

const PAGES = { tenant: "/tenants/$id", lease: "/leases/$id", property: "/properties/$id" } as const;

/** A tenant, a lease or a property, as a link to its page. */
export function PartyLink({ of, id, inGrid }: { of: keyof typeof PAGES; id: string; inGrid?: boolean }) {
  return (
    <Link to={PAGES[of]} params={{ id }} className="id" tabIndex={inGrid ? -1 : undefined}>
      {id}
    </Link>
  );
}

/** Several of them, or a dash. */
export function PartyLinks({ of, ids }: { of: keyof typeof PAGES; ids: readonly string[] }) {
  if (ids.length === 0) return <span className="muted">{"\u2013"}</span>;
  return (
    <span className="id-list">
      {ids.map((id) => (
        <PartyLink key={id} of={of} id={id} />
      ))}
    </span>
  );
}
