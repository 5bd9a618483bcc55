import { Link } from "@tanstack/react-router";
import type { KeyKind } from "../gql/graphql.ts";

const PAGES = {
  PAYMENT: "/payments/$id",
  OBLIGATION: "/obligations/$id",
  REFERENCE: "/references/$id",
  PAYOUT: "/payouts/$id",
  BANK_ENTRY: "/bank-entries/$id",
} as const;

/** What a break is about, as a link to its page. Inside a grid it is not a tab stop: the row is. */
export function KeyLink({ kind, id, inGrid }: { kind: KeyKind; id: string; inGrid?: boolean }) {
  if (kind === "UNKNOWN") return <span className="id">{id}</span>;
  return (
    <Link to={PAGES[kind]} params={{ id }} className="id" tabIndex={inGrid ? -1 : undefined} title={id}>
      {id}
    </Link>
  );
}
