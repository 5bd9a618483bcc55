import { useConnection } from "../../client/connection.ts";
import { amount } from "../../components/money.tsx";
import { PayoutHistoryDocument, type PayoutVersionPartsFragment } from "../../gql/graphql.ts";
import type { Described } from "../../history/differences.ts";
import { HISTORY_PAGE, History, HistorySection, NO_VERSIONS } from "../../history/history.tsx";
import { PAYOUT_STATUS } from "../../labels/labels.ts";

/** How the payout became what it is. */
export function PayoutHistory({ id }: { id: string }) {
  return <HistorySection>{() => <Versions id={id} />}</HistorySection>;
}

function Versions({ id }: { id: string }) {
  const { listing, pages } = useConnection({
    document: PayoutHistoryDocument,
    variables: { id },
    connection: (data) => data.payout?.history ?? NO_VERSIONS,
    first: HISTORY_PAGE,
  });
  return <History listing={listing} pages={pages} describe={describe} />;
}

function describe(version: PayoutVersionPartsFragment): Described {
  const facts: Described["facts"] = [
    ["Status", PAYOUT_STATUS[version.status].text],
    ["Lines", `${version.lines.toLocaleString("en-US")}, ${amount(version.linesTotal)}`],
    ["On the account", amount(version.deposited)],
  ];
  if (version.amount) facts.push(["Paid out", amount(version.amount)]);
  if (BigInt(version.other.minor) !== 0n) facts.push(["Of no payment", amount(version.other)]);
  if (version.arrivalDate) facts.push(["Arrives", version.arrivalDate]);
  for (const entry of version.entries) facts.push([`Bank entry ${entry.bankEntryId}`, amount(entry.amount)]);
  return { version: version.version, at: version.restsOn, facts, breakIds: version.openBreakIds };
}
