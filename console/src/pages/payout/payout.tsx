import { getRouteApi } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Status } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { PayoutPageDocument, type PayoutPageQuery } from "../../gql/graphql.ts";
import { MATCHED_BY, PAYOUT_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { RecordPage } from "../../views/record-page.tsx";
import { PayoutHistory } from "./payout-history.tsx";
import { PayoutLines } from "./payout-lines.tsx";

type Payout = NonNullable<PayoutPageQuery["payout"]>;

const route = getRouteApi("/payouts/$id");

/** A payout: what the processor paid out, of which lines it is made, and what the bank booked. */
export function PayoutPage() {
  const { id } = route.useParams();
  return <PayoutOf key={id} id={id} />;
}

function PayoutOf({ id }: { id: string }) {
  const loaded = useRecord({ document: PayoutPageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage
      what="Payout"
      id={id}
      loaded={loaded}
      find={(data) => data.payout}
      status={(one) => <Status label={PAYOUT_STATUS[one.status]} />}
      summary={(one) => (
        <>
          {one.processor}
          {one.arrivalDate ? `, arrives ${one.arrivalDate}` : ", no day of arrival is reported"}
        </>
      )}
    >
      {(one) => (
        <>
          <Sum one={one} />
          <OpenExceptions breaks={one.openBreaks} />
          <Entries one={one} />
          <PayoutLines id={one.id} total={one.lines} />
          <PayoutHistory id={one.id} />
        </>
      )}
    </RecordPage>
  );
}

/** Amount less lines and other: what is left has a name. */
function Sum({ one }: { one: Payout }) {
  const remainder = one.remainder && BigInt(one.remainder.minor);
  return (
    <section className="sides card" aria-label="Amount, lines and deposit">
      <div className="side">
        <h2 className="side-title">Paid out, by the report</h2>
        <p className="side-amount">
          <Money value={one.amount} missing="Not reported" />
        </p>
      </div>
      <div className="side">
        <h2 className="side-title">What it is made of</h2>
        <p className="side-amount">
          <Money value={one.linesTotal} />
        </p>
        <p className="muted">
          {one.lines.toLocaleString("en-US")} {one.lines === 1 ? "line" : "lines"} of payments
          {one.unknownLines > 0 && `, the net of ${one.unknownLines.toLocaleString("en-US")} not known`}
        </p>
        <p className="muted">
          Of no payment <Money value={one.other} />
        </p>
        {one.remainder && (
          <p className={remainder === 0n ? "muted" : "remainder"}>
            {remainder === 0n ? "Nothing is left over." : "Left over, not explained by any line: "}
            {remainder !== 0n && <Money value={one.remainder} signed />}
          </p>
        )}
      </div>
      <div className="side">
        <h2 className="side-title">On the bank account</h2>
        <p className="side-amount">
          <Money value={one.deposited} />
        </p>
        {one.entries.length === 0 && <p className="muted">No bank entry belongs to it.</p>}
      </div>
    </section>
  );
}

function Entries({ one }: { one: Payout }) {
  if (one.entries.length === 0) return null;
  return (
    <Section title="Bank entries">
      <TableCard label="Bank entries">
        <thead>
          <tr>
            <th scope="col">Entry</th>
            <th scope="col">Account</th>
            <th scope="col">Matched</th>
            <th scope="col" className="number">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {one.entries.map((entry) => (
            <tr key={entry.bankEntryId}>
              <th scope="row">
                <KeyLink kind="BANK_ENTRY" id={entry.bankEntryId} />
              </th>
              <td className="id">{entry.accountId}</td>
              <td>{MATCHED_BY[entry.matchedBy]}</td>
              <td className="number">
                <Money value={entry.amount} />
              </td>
            </tr>
          ))}
        </tbody>
      </TableCard>
    </Section>
  );
}
