import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import type { Connection, Listing, Pages } from "../client/connection.ts";
import { Button } from "../components/button.tsx";
import { Instant } from "../components/instant.tsx";
import { Section } from "../components/page.tsx";
import { MoreRows } from "../views/more-rows.tsx";
import { type Described, type Step, steps } from "./differences.ts";

/** Versions that one request brings. */
export const HISTORY_PAGE = 20;

/** The history of nothing, where the record itself is not there. */
export const NO_VERSIONS: Connection<never> = { edges: [], pageInfo: { hasNextPage: false, endCursor: null } };

/** A section that asks for the history only when somebody wants to see it. */
export function HistorySection({ children }: { children: () => ReactNode }) {
  const [shown, setShown] = useState(false);
  return (
    <Section
      title="History"
      note="What each version changed, the newest first."
      actions={
        <Button small aria-expanded={shown} onClick={() => setShown(!shown)}>
          {shown ? "Hide the history" : "Show the history"}
        </Button>
      }
    >
      {shown && children()}
    </Section>
  );
}

/** Versions as differences. */
export function History<Row>({
  listing,
  pages,
  describe,
}: {
  listing: Listing<Row>;
  pages: Pages<Row>;
  describe: (row: Row) => Described;
}) {
  const shown = steps(listing.rows.map(describe), !listing.hasMore);
  return (
    <>
      {shown.length > 0 && (
        <ol className="history card">
          {shown.map((one) => (
            <li key={one.version} className="history-step">
              <div className="history-when">
                {one.at && <Instant value={one.at} />}
                <span className="muted">Version {one.version}</span>
              </div>
              <Changes step={one} />
            </li>
          ))}
        </ol>
      )}
      <MoreRows listing={listing} pages={pages} what="versions" />
    </>
  );
}

function Changes({ step }: { step: Step }) {
  if (step.differences.length + step.opened.length + step.closed.length === 0) {
    return <p className="muted">Nothing that is shown on this page.</p>;
  }
  return (
    <ul className="history-changes">
      {step.differences.map(({ name, before, after }) => (
        <li key={name}>
          <span className="history-name">{name}</span>
          <span>
            {before !== null && (
              <>
                <del className="history-before">{before}</del> <span aria-hidden="true">{"\u2192"}</span>{" "}
              </>
            )}
            {after === null ? <span className="muted">gone</span> : <ins className="history-after">{after}</ins>}
          </span>
        </li>
      ))}
      {step.opened.map((id) => (
        <ExceptionChange key={id} id={id} what="Exception opened" />
      ))}
      {step.closed.map((id) => (
        <ExceptionChange key={id} id={id} what="Exception closed" />
      ))}
    </ul>
  );
}

function ExceptionChange({ id, what }: { id: string; what: string }) {
  return (
    <li>
      <span className="history-name">{what}</span>
      <Link to="/exceptions/$id" params={{ id }} className="id">
        {id.slice(0, 8)}
      </Link>
    </li>
  );
}
