import { Card } from "../../components/card.tsx";
import { Fact, Facts } from "../../components/facts.tsx";
import { Money } from "../../components/money.tsx";
import { Status } from "../../components/status.tsx";
import { METHOD, OBLIGATION_STATUS, PAYMENT_STATUS, PAYOUT_STATUS, REFERENCE_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { PartyLink, PartyLinks } from "../../views/party-link.tsx";
import type { Exception } from "./exception.tsx";

/** What the exception is about, with the way there. */
export function Concerns({ found, lookAt }: { found: Exception; lookAt: readonly string[] }) {
  const { payment, obligation, reference, payout, bankEntry } = found;
  const others = lookAt.filter((id) => id !== payment?.id);
  return (
    <Card title="What it concerns">
      <Facts rows>
        {payment && (
          <Fact name="Payment">
            <KeyLink kind="PAYMENT" id={payment.id} /> <Status label={PAYMENT_STATUS[payment.status]} />
            {payment.initiated && (
              <div className="muted">
                {METHOD[payment.initiated.method]} of <Money value={payment.initiated.amount} /> for{" "}
                <KeyLink kind="OBLIGATION" id={payment.initiated.obligationId} />
              </div>
            )}
            <div className="muted">
              Net settled <Money value={payment.settled.standing} />, posted <Money value={payment.posted} />
            </div>
          </Fact>
        )}
        {obligation && (
          <Fact name="Obligation">
            <KeyLink kind="OBLIGATION" id={obligation.id} /> <Status label={OBLIGATION_STATUS[obligation.status]} />
            <div className="muted">
              {obligation.period}, lease <PartyLink of="lease" id={obligation.leaseId} />
            </div>
            <div className="muted">
              Balance <Money value={obligation.balance} />, paid <Money value={obligation.paid} />
            </div>
          </Fact>
        )}
        {reference && (
          <Fact name="Reference">
            <KeyLink kind="REFERENCE" id={reference.id} /> <Status label={REFERENCE_STATUS[reference.status]} />
            <div className="muted">
              {reference.records} {reference.records === 1 ? "record" : "records"}, settled{" "}
              {reference.gross.map((one) => (
                <Money key={one.currency} value={one} />
              ))}
            </div>
            {reference.paymentId && (
              <div className="muted">
                Held by <KeyLink kind="PAYMENT" id={reference.paymentId} />
              </div>
            )}
          </Fact>
        )}
        {payout && (
          <Fact name="Payout">
            <KeyLink kind="PAYOUT" id={payout.id} /> <Status label={PAYOUT_STATUS[payout.status]} />
            <div className="muted">
              Amount <Money value={payout.amount} missing="not reported" />, on the account{" "}
              <Money value={payout.deposited} />
            </div>
          </Fact>
        )}
        {bankEntry && (
          <Fact name="Bank entry">
            <KeyLink kind="BANK_ENTRY" id={bankEntry.id} />
            {bankEntry.booked && (
              <div className="muted">
                <Money value={bankEntry.booked.amount} /> booked {bankEntry.booked.bookingDate}
                {bankEntry.booked.text && <> {`\u201c${bankEntry.booked.text}\u201d`}</>}
              </div>
            )}
            {bankEntry.payout && (
              <div className="muted">
                Belongs to <KeyLink kind="PAYOUT" id={bankEntry.payout.id} />
              </div>
            )}
          </Fact>
        )}
        {found.tenants.length > 0 && (
          <Fact name={found.tenants.length === 1 ? "Tenant" : "Tenants"}>
            <PartyLinks of="tenant" ids={found.tenants} />
          </Fact>
        )}
        {found.properties.length > 0 && (
          <Fact name={found.properties.length === 1 ? "Property" : "Properties"}>
            <PartyLinks of="property" ids={found.properties} />
          </Fact>
        )}
        {others.length > 0 && (
          <Fact name="Look also at">
            <span className="id-list">
              {others.map((id) => (
                <KeyLink key={id} kind="PAYMENT" id={id} />
              ))}
            </span>
          </Fact>
        )}
      </Facts>
    </Card>
  );
}
