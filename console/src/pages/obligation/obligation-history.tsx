import { useConnection } from "../../client/connection.ts";
import { amount } from "../../components/money.tsx";
import { ObligationHistoryDocument, type ObligationVersionPartsFragment } from "../../gql/graphql.ts";
import type { Described } from "../../history/differences.ts";
import { HISTORY_PAGE, History, HistorySection, NO_VERSIONS } from "../../history/history.tsx";
import { AGEING_BUCKET, OBLIGATION_STATUS } from "../../labels/labels.ts";

/** How the obligation became what it is. */
export function ObligationHistory({ id }: { id: string }) {
  return <HistorySection>{() => <Versions id={id} />}</HistorySection>;
}

function Versions({ id }: { id: string }) {
  const { listing, pages } = useConnection({
    document: ObligationHistoryDocument,
    variables: { id },
    connection: (data) => data.obligation?.history ?? NO_VERSIONS,
    first: HISTORY_PAGE,
  });
  return <History listing={listing} pages={pages} describe={describe} />;
}

function describe(version: ObligationVersionPartsFragment): Described {
  const facts: Described["facts"] = [
    ["Status", OBLIGATION_STATUS[version.status].text],
    ["Ageing", AGEING_BUCKET[version.ageing]],
  ];
  for (const [name, value] of [
    ["Charged", version.charged],
    ["Adjusted", version.adjusted],
    ["Balance", version.balance],
    ["Paid", version.paid],
    ["Pending", version.pending],
    ["Posted", version.posted],
    ["Overpaid", version.overpaid],
  ] as const) {
    if (BigInt(value.minor) !== 0n) facts.push([name, amount(value)]);
  }
  for (const one of version.installments) {
    facts.push([
      `Installment ${one.id}`,
      `${amount(one.amount)} due ${one.dueDate}, ${amount(one.paid)} paid, ${amount(one.pending)} pending`,
    ]);
  }
  return { version: version.version, at: version.restsOn, facts, breakIds: version.openBreakIds };
}
