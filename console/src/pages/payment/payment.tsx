import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useMay } from "../../app/session.tsx";
import { useRecord } from "../../client/record.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Fact, Facts } from "../../components/facts.tsx";
import { Instant } from "../../components/instant.tsx";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Status } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { PaymentPageDocument, type PaymentPageQuery } from "../../gql/graphql.ts";
import { METHOD, OBLIGATION_STATUS, PAYMENT_STATUS, REFERENCE_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OnItsWay } from "../../views/on-its-way.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { PartyLink, PartyLinks } from "../../views/party-link.tsx";
import { RecordPage } from "../../views/record-page.tsx";
import { noteSeen } from "../exceptions/written.ts";
import { MoveDialog } from "./move-dialog.tsx";
import { PaymentHistory } from "./payment-history.tsx";

export type Payment = NonNullable<PaymentPageQuery["payment"]>;

const route = getRouteApi("/payments/$id");

/** A payment: what was initiated, what processors and ledger say of it, and where its money counts. */
export function PaymentPage() {
  const { id } = route.useParams();
  return <PaymentOf key={id} id={id} />;
}

function PaymentOf({ id }: { id: string }) {
  const mayMove = useMay("MOVE");
  const [moving, setMoving] = useState(false);
  const [looks, setLooks] = useState(0);
  const loaded = useRecord({
    document: PaymentPageDocument,
    variables: { id },
    concerns: (item) => item.id === id,
  });
  const reload = () => {
    setLooks((before) => before + 1);
    loaded.reload();
  };
  const found = loaded.data?.payment;
  useEffect(() => {
    if (found) noteSeen([found]);
  }, [found]);
  return (
    <RecordPage
      what="Payment"
      id={id}
      loaded={{ ...loaded, reload }}
      find={(data) => data.payment}
      status={(payment) => <Status label={PAYMENT_STATUS[payment.status]} />}
      summary={(payment) => (
        <>
          Latest event <Instant value={payment.restsOn} />
        </>
      )}
      actions={() => mayMove && <Button onClick={() => setMoving(true)}>Move the money</Button>}
    >
      {(payment) => (
        <>
          <OnItsWay id={payment.id} look={loaded.reload} />
          <Stages payment={payment} />
          <OpenExceptions breaks={payment.openBreaks} />
          <div className="record-columns">
            <div className="column">
              <Allocations payment={payment} />
              <References payment={payment} />
              <PaymentHistory id={payment.id} />
            </div>
            <aside className="column" aria-label="What it belongs to">
              <Belongs payment={payment} />
            </aside>
          </div>
          {moving && (
            <MoveDialog
              payment={payment}
              seen={Number(payment.version) + looks}
              onClose={() => setMoving(false)}
              onLookAgain={reload}
            />
          )}
        </>
      )}
    </RecordPage>
  );
}

/** From the app to the processor to the ledger: the three amounts that have to agree. */
function Stages({ payment }: { payment: Payment }) {
  const { initiated, settled } = payment;
  const given = [
    { name: "Returned", value: settled.returned },
    { name: "Refunded", value: settled.refunded },
    { name: "Charged back", value: settled.chargedBack },
  ].filter((one) => BigInt(one.value.minor) !== 0n);
  return (
    <section className="sides card" aria-label="Initiated, settled and posted">
      <div className="side">
        <h2 className="side-title">Initiated</h2>
        <p className="side-amount">
          <Money value={initiated?.amount} missing="Not initiated" />
        </p>
        {initiated ? (
          <p className="muted">
            {METHOD[initiated.method]} for <KeyLink kind="OBLIGATION" id={initiated.obligationId} />
            {initiated.installmentId && <>, installment {initiated.installmentId}</>}
          </p>
        ) : (
          <p className="muted">The app has not reported it.</p>
        )}
        {payment.inFlight && BigInt(payment.inFlight.minor) !== 0n && (
          <p className="muted">
            In flight <Money value={payment.inFlight} />
          </p>
        )}
      </div>
      <div className="side">
        <h2 className="side-title">Net settled</h2>
        <p className="side-amount">
          <Money value={settled.standing} />
        </p>
        <p className="muted">
          Gross <Money value={settled.gross} />
          {given.map((one) => (
            <span key={one.name}>
              , {one.name.toLowerCase()} <Money value={one.value} />
            </span>
          ))}
        </p>
        <p className="muted">
          Fee <Money value={settled.fee} missing="not known" />, paid out{" "}
          <Money value={settled.net} missing="not known" />
        </p>
      </div>
      <div className="side">
        <h2 className="side-title">Posted</h2>
        <p className="side-amount">
          <Money value={payment.posted} />
        </p>
        {payment.postedByObligation.map((one) => (
          <p key={one.obligationId} className="muted">
            <Money value={one.amount} /> to <KeyLink kind="OBLIGATION" id={one.obligationId} />
          </p>
        ))}
        {payment.postedByObligation.length === 0 && <p className="muted">The ledger has nothing of it.</p>}
      </div>
    </section>
  );
}

function Allocations({ payment }: { payment: Payment }) {
  return (
    <Section title="What it pays" note="Where its money counts: settled, and what is still under way.">
      {payment.allocations.length === 0 ? (
        <p className="card card-pad muted">Nothing yet.</p>
      ) : (
        <TableCard label="What it pays">
          <thead>
            <tr>
              <th scope="col">Obligation</th>
              <th scope="col">Installment</th>
              <th scope="col" className="number">
                Of its amount
              </th>
              <th scope="col" className="number">
                Settled
              </th>
              <th scope="col" className="number">
                Pending
              </th>
            </tr>
          </thead>
          <tbody>
            {payment.allocations.map((one) => (
              <tr key={`${one.obligationId} ${one.installmentId}`}>
                <th scope="row">
                  <KeyLink kind="OBLIGATION" id={one.obligationId} />
                </th>
                <td>{one.installmentId ?? <span className="muted">Any</span>}</td>
                <td className="number">
                  <Money value={one.amount} />
                </td>
                <td className="number">
                  <Money value={one.standing} />
                </td>
                <td className="number">
                  <Money value={one.pending} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
    </Section>
  );
}

function References({ payment }: { payment: Payment }) {
  if (payment.references.length === 0) return null;
  return (
    <Section title="References" note="The processors' names for it: records without a payment id are found by these.">
      <TableCard label="References">
        <thead>
          <tr>
            <th scope="col">Reference</th>
            <th scope="col">Status</th>
            <th scope="col" className="number">
              Settled by it
            </th>
          </tr>
        </thead>
        <tbody>
          {payment.references.map((one) => (
            <tr key={one.id}>
              <th scope="row">
                <KeyLink kind="REFERENCE" id={one.id} />
              </th>
              <td>
                <Status label={REFERENCE_STATUS[one.status]} />
              </td>
              <td className="number">
                {one.gross.length === 0 ? (
                  <span className="muted">{"\u2013"}</span>
                ) : (
                  one.gross.map((each) => <Money key={each.currency} value={each} />)
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </TableCard>
    </Section>
  );
}

function Belongs({ payment }: { payment: Payment }) {
  const tenants = [...new Set([...payment.tenants, ...payment.obligations.map((one) => one.tenantId)])];
  const properties = [...new Set([...payment.properties, ...payment.obligations.map((one) => one.propertyId)])];
  return (
    <Card title="What it belongs to">
      <Facts rows>
        {payment.obligations.map((one) => (
          <Fact key={one.id} name="Obligation">
            <KeyLink kind="OBLIGATION" id={one.id} /> <Status label={OBLIGATION_STATUS[one.status]} />
            <div className="muted">
              {one.period}, lease <PartyLink of="lease" id={one.leaseId} />
            </div>
          </Fact>
        ))}
        <Fact name={tenants.length > 1 ? "Tenants" : "Tenant"}>
          <PartyLinks of="tenant" ids={tenants} />
        </Fact>
        <Fact name={properties.length > 1 ? "Properties" : "Property"}>
          <PartyLinks of="property" ids={properties} />
        </Fact>
      </Facts>
    </Card>
  );
}
