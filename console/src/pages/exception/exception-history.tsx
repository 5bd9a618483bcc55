import { useConnection } from "../../client/connection.ts";
import { instantText } from "../../components/instant.tsx";
import { amount } from "../../components/money.tsx";
import { type BreakVersionPartsFragment, ExceptionHistoryDocument } from "../../gql/graphql.ts";
import type { Described } from "../../history/differences.ts";
import { HISTORY_PAGE, History, HistorySection, NO_VERSIONS } from "../../history/history.tsx";
import { CLASS_TITLES } from "../../labels/classes.ts";
import { BREAK_LIFECYCLE, DECISION_STATE } from "../../labels/labels.ts";

/** How the exception became what it is. */
export function ExceptionHistory({ id, openedAt }: { id: string; openedAt: string }) {
  return <HistorySection>{() => <Versions id={id} openedAt={openedAt} />}</HistorySection>;
}

function Versions({ id, openedAt }: { id: string; openedAt: string }) {
  const { listing, pages } = useConnection({
    document: ExceptionHistoryDocument,
    variables: { id },
    connection: (data) => data.break?.history ?? NO_VERSIONS,
    first: HISTORY_PAGE,
  });
  return <History listing={listing} pages={pages} describe={(row) => describe(row, openedAt)} />;
}

function describe(version: BreakVersionPartsFragment, openedAt: string): Described {
  const { decision } = version;
  const facts: Described["facts"] = [
    ["State", BREAK_LIFECYCLE[version.lifecycle]],
    ["Exception", CLASS_TITLES[version.class]],
    ["Priority", String(version.priority)],
    ["Expected", amount(version.expected)],
    ["Actual", amount(version.actual)],
    ["Difference", amount(version.drift)],
    ["Rests on", version.eventIds.join(", ") || "no event"],
  ];
  if (version.dueAt) facts.push(["Deadline", instantText(version.dueAt)]);
  if (version.resolvedAt) facts.push(["Resolved", instantText(version.resolvedAt)]);
  if (decision) {
    const who = decision.state === "ASSIGNED" ? decision.assignee : decision.actor;
    const second = decision.approvedBy ? `, approved by ${decision.approvedBy}` : "";
    facts.push(["Decision", `${DECISION_STATE[decision.state].text}: ${who ?? "nobody"}${second}`]);
  }
  // A version has no instant of its own: what it is known by is when it was resolved, decided or opened.
  const at = version.resolvedAt ?? decision?.at ?? (version.lifecycle === "OPENED" ? openedAt : null);
  return { version: version.version, at, facts, breakIds: [] };
}
