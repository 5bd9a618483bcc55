import "./obligation.css";
import { getRouteApi } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { Card } from "../../components/card.tsx";
import { Fact, Facts } from "../../components/facts.tsx";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Loading, ProblemNotice } from "../../components/states.tsx";
import { Chip, Status } from "../../components/status.tsx";
import { ObligationPageDocument, type ObligationPageQuery, ObligationPaymentsDocument } from "../../gql/graphql.ts";
import { AGEING_BUCKET, LATE_STAGE, OBLIGATION_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { PartyLink } from "../../views/party-link.tsx";
import { PaymentTable } from "../../views/payment-table.tsx";
import { RecordPage } from "../../views/record-page.tsx";
import { ObligationHistory } from "./obligation-history.tsx";

type Obligation = NonNullable<ObligationPageQuery["obligation"]>;
type Installment = Obligation["installments"][number];

const route = getRouteApi("/obligations/$id");

/** An obligation: what is charged, its installments, and what pays them. */
export function ObligationPage() {
  const { id } = route.useParams();
  return <ObligationOf key={id} id={id} />;
}

function ObligationOf({ id }: { id: string }) {
  const loaded = useRecord({
    document: ObligationPageDocument,
    variables: { id },
    concerns: (item) => item.id === id,
  });
  return (
    <RecordPage
      what="Obligation"
      id={id}
      loaded={loaded}
      find={(data) => data.obligation}
      status={(one) => <Status label={OBLIGATION_STATUS[one.status]} />}
      summary={(one) => (
        <span className="summary-line">
          <span>Rent of {one.period}</span>
          <span>
            lease <PartyLink of="lease" id={one.leaseId} />
          </span>
          <span>
            tenant <PartyLink of="tenant" id={one.tenantId} />
          </span>
          <span>
            property <PartyLink of="property" id={one.propertyId} />
          </span>
        </span>
      )}
    >
      {(one) => <Found one={one} />}
    </RecordPage>
  );
}

function Found({ one }: { one: Obligation }) {
  return (
    <>
      <OpenExceptions breaks={one.openBreaks} />
      <div className="record-columns">
        <div className="column">
          <Installments one={one} />
          <Payments id={one.id} />
          <ObligationHistory id={one.id} />
        </div>
        <aside className="column" aria-label="Amounts">
          <Card title="Amounts">
            <Facts rows>
              <Fact name="Charged">
                <Money value={one.charged} />
              </Fact>
              <Fact name="Adjusted">
                <Money value={one.adjusted} signed />
              </Fact>
              <Fact name="Balance">
                <Money value={one.balance} />
              </Fact>
              <Fact name="Paid">
                <Money value={one.paid} />
              </Fact>
              <Fact name="Pending">
                <Money value={one.pending} />
              </Fact>
              <Fact name="Posted by the ledger">
                <Money value={one.posted} />
              </Fact>
              {BigInt(one.overpaid.minor) !== 0n && (
                <Fact name="Overpaid">
                  <Money value={one.overpaid} />
                </Fact>
              )}
              <Fact name="Ageing">{AGEING_BUCKET[one.ageing]}</Fact>
              {one.nextDueDate && <Fact name="Next due">{one.nextDueDate}</Fact>}
              {one.oldestLateDueDate && <Fact name="Oldest late">{one.oldestLateDueDate}</Fact>}
            </Facts>
          </Card>
        </aside>
      </div>
    </>
  );
}

/** The installments in the order of their due days, each with how far it is paid and by what. */
function Installments({ one }: { one: Obligation }) {
  const ordered = [...one.installments].sort((a, b) => a.dueDate.localeCompare(b.dueDate));
  return (
    <Section title="Installments" note="In the order in which they are due, with what pays them.">
      <ol className="installments card">
        {ordered.map((each) => (
          <InstallmentLine key={each.id} each={each} late={one.late.find((late) => late.installmentId === each.id)} />
        ))}
      </ol>
    </Section>
  );
}

function InstallmentLine({ each, late }: { each: Installment; late: Obligation["late"][number] | undefined }) {
  const due = Number(each.amount.minor);
  const part = (minor: string) => (due > 0 ? Math.max(0, Math.min(100, (Number(minor) / due) * 100)) : 0);
  const paid = part(each.paid.minor);
  const pending = Math.min(100 - paid, part(each.pending.minor));
  const whole = BigInt(each.paid.minor) >= BigInt(each.amount.minor);
  return (
    <li className={whole ? "installment installment-paid" : "installment"}>
      <div className="installment-head">
        <span>
          <strong>{each.dueDate}</strong> <span className="muted">{each.id}</span>{" "}
          {late ? <Status label={LATE_STAGE[late.stage]} /> : whole && <Chip tone="success">Paid</Chip>}
        </span>
        <Money value={each.amount} />
      </div>
      <svg className="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect className="meter-rest" width="100" height="4" />
        <rect className="meter-paid" width={paid} height="4" />
        <rect className="meter-pending" x={paid} width={pending} height="4" />
      </svg>
      <p className="muted">
        Paid <Money value={each.paid} />
        {BigInt(each.pending.minor) !== 0n && (
          <>
            , pending <Money value={each.pending} />
          </>
        )}
        {late && (
          <>
            , outstanding <Money value={late.outstanding} />
          </>
        )}
      </p>
      {each.paidBy.length > 0 && (
        <ul className="paid-by">
          {each.paidBy.map((by) => (
            <li key={by.paymentId}>
              <KeyLink kind="PAYMENT" id={by.paymentId} />{" "}
              <span className="muted">
                {BigInt(by.paid.minor) !== 0n && (
                  <>
                    pays <Money value={by.paid} />
                  </>
                )}
                {BigInt(by.paid.minor) !== 0n && BigInt(by.pending.minor) !== 0n && ", "}
                {BigInt(by.pending.minor) !== 0n && (
                  <>
                    has <Money value={by.pending} /> under way
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

function Payments({ id }: { id: string }) {
  const loaded = useRecord({
    document: ObligationPaymentsDocument,
    variables: { id },
    concerns: (item) => item.id === id,
  });
  const found = loaded.data?.obligation;
  return (
    <Section
      title="Payments"
      note={
        found?.timeZone
          ? `Initiated for it, allocated or posted to it. Its property is in ${found.timeZone}.`
          : "Initiated for it, allocated or posted to it."
      }
    >
      {loaded.error && <ProblemNotice error={loaded.error} retry={loaded.reload} />}
      {!found && loaded.loading && <Loading />}
      {found && <PaymentTable rows={found.payments} withObligation={false} />}
    </Section>
  );
}
