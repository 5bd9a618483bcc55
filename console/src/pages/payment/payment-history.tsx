import { useConnection } from "../../client/connection.ts";
import { amount } from "../../components/money.tsx";
import { PaymentHistoryDocument, type PaymentVersionPartsFragment } from "../../gql/graphql.ts";
import type { Described } from "../../history/differences.ts";
import { HISTORY_PAGE, History, HistorySection, NO_VERSIONS } from "../../history/history.tsx";
import { METHOD, PAYMENT_STATUS } from "../../labels/labels.ts";

/** How the payment became what it is. */
export function PaymentHistory({ id }: { id: string }) {
  return <HistorySection>{() => <Versions id={id} />}</HistorySection>;
}

function Versions({ id }: { id: string }) {
  const { listing, pages } = useConnection({
    document: PaymentHistoryDocument,
    variables: { id },
    connection: (data) => data.payment?.history ?? NO_VERSIONS,
    first: HISTORY_PAGE,
  });
  return <History listing={listing} pages={pages} describe={describe} />;
}

function describe(version: PaymentVersionPartsFragment): Described {
  const { initiated, settled } = version;
  const facts: Described["facts"] = [["Status", PAYMENT_STATUS[version.status].text]];
  if (initiated) {
    facts.push([
      "Initiated",
      `${amount(initiated.amount)}, ${METHOD[initiated.method]}, for ${initiated.obligationId}`,
    ]);
  }
  for (const [name, value] of [
    ["In flight", version.inFlight],
    ["Gross settled", settled.gross],
    ["Fee", settled.fee],
    ["Returned", settled.returned],
    ["Refunded", settled.refunded],
    ["Charged back", settled.chargedBack],
    ["Net settled", settled.standing],
    ["Posted", version.posted],
  ] as const) {
    if (value && BigInt(value.minor) !== 0n) facts.push([name, amount(value)]);
  }
  for (const one of version.allocations) {
    const where = one.installmentId ? `${one.obligationId}, ${one.installmentId}` : one.obligationId;
    facts.push([`Pays ${where}`, `${amount(one.standing)} settled, ${amount(one.pending)} pending`]);
  }
  return { version: version.version, at: version.restsOn, facts, breakIds: version.openBreakIds };
}
