import { getRouteApi } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Chip, Status } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { BankEntryPageDocument, type PayoutRowFragment } from "../../gql/graphql.ts";
import { MATCHED_BY, PAYOUT_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { RecordPage } from "../../views/record-page.tsx";

const route = getRouteApi("/bank-entries/$id");

/** An entry on a bank account, and the payout that it belongs to. */
export function BankEntryPage() {
  const { id } = route.useParams();
  return <BankEntryOf key={id} id={id} />;
}

function BankEntryOf({ id }: { id: string }) {
  const loaded = useRecord({ document: BankEntryPageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage
      what="Bank entry"
      id={id}
      loaded={loaded}
      find={(data) => data.bankEntry}
      status={(one) =>
        one.payout ? <Chip tone="success">Belongs to a payout</Chip> : <Chip tone="warning">Belongs to no payout</Chip>
      }
      summary={(one) => (
        <>
          Account <span className="id">{one.accountId}</span>
        </>
      )}
    >
      {(one) => (
        <>
          <section className="sides card" aria-label="What was booked">
            <div className="side">
              <h2 className="side-title">Booked</h2>
              <p className="side-amount">
                <Money value={one.booked?.amount ?? one.amount} missing="Not known now" />
              </p>
              {one.booked ? (
                <p className="muted">
                  On {one.booked.bookingDate}
                  {one.booked.valueDate && `, value ${one.booked.valueDate}`}
                </p>
              ) : (
                <p className="muted">The worker that holds it does not answer at the moment.</p>
              )}
            </div>
            <div className="side">
              <h2 className="side-title">What the bank says</h2>
              <p>{one.booked?.text || <span className="muted">No text.</span>}</p>
              {one.booked?.reference && (
                <p className="muted">
                  Reference <span className="id">{one.booked.reference}</span>
                </p>
              )}
            </div>
            <div className="side">
              <h2 className="side-title">Matched</h2>
              <p>{one.matchedBy ? MATCHED_BY[one.matchedBy] : <span className="muted">Not matched.</span>}</p>
            </div>
          </section>
          <OpenExceptions breaks={one.openBreaks} />
          <Section title="The payout that it belongs to">
            {one.payout ? (
              <PayoutOf payout={one.payout} />
            ) : (
              <p className="card card-pad muted">None. Its exception proposes which it may be.</p>
            )}
          </Section>
        </>
      )}
    </RecordPage>
  );
}

function PayoutOf({ payout }: { payout: PayoutRowFragment }) {
  return (
    <TableCard label="The payout that it belongs to">
      <thead>
        <tr>
          <th scope="col">Payout</th>
          <th scope="col">Status</th>
          <th scope="col">Arrives</th>
          <th scope="col" className="number">
            Paid out
          </th>
          <th scope="col" className="number">
            Lines
          </th>
          <th scope="col" className="number">
            On the account
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">
            <KeyLink kind="PAYOUT" id={payout.id} />
          </th>
          <td>
            <Status label={PAYOUT_STATUS[payout.status]} />
          </td>
          <td className="nowrap">{payout.arrivalDate ?? <span className="muted">{"\u2013"}</span>}</td>
          <td className="number">
            <Money value={payout.amount} missing="Not reported" />
          </td>
          <td className="number">
            <Money value={payout.linesTotal} />
          </td>
          <td className="number">
            <Money value={payout.deposited} />
          </td>
        </tr>
      </tbody>
    </TableCard>
  );
}
