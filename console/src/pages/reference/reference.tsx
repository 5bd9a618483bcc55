import { getRouteApi } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Status } from "../../components/status.tsx";
import { ReferencePageDocument } from "../../gql/graphql.ts";
import { REFERENCE_STATUS } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { PaymentTable } from "../../views/payment-table.tsx";
import { RecordPage } from "../../views/record-page.tsx";

const route = getRouteApi("/references/$id");

/** A processor's reference: the records that have it without a payment id, and the payment that holds it. */
export function ReferencePage() {
  const { id } = route.useParams();
  return <ReferenceOf key={id} id={id} />;
}

function ReferenceOf({ id }: { id: string }) {
  const loaded = useRecord({ document: ReferencePageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage
      what="Reference"
      id={id}
      loaded={loaded}
      find={(data) => data.reference}
      status={(one) => <Status label={REFERENCE_STATUS[one.status]} />}
    >
      {(one) => (
        <>
          <section className="sides card" aria-label="What it is">
            <div className="side">
              <h2 className="side-title">Processor</h2>
              <p className="side-word">{one.processor}</p>
              <p className="muted">Calls it {one.processorReference}.</p>
            </div>
            <div className="side">
              <h2 className="side-title">Records without a payment id</h2>
              <p className="side-word">{one.records.toLocaleString("en-US")}</p>
              <p className="muted">They belong to the payment that holds the reference.</p>
            </div>
            <div className="side">
              <h2 className="side-title">Settled by these</h2>
              {one.gross.length === 0 && <p className="side-word muted">Nothing</p>}
              {one.gross.map((each) => (
                <p key={each.currency} className="side-amount">
                  <Money value={each} />
                </p>
              ))}
            </div>
          </section>
          <OpenExceptions breaks={one.openBreaks} />
          <Section title="The payment that holds it">
            {one.payment ? (
              <PaymentTable rows={[one.payment]} label="The payment that holds it" />
            ) : one.paymentId ? (
              <p className="card card-pad">
                <KeyLink kind="PAYMENT" id={one.paymentId} />
              </p>
            ) : (
              <p className="card card-pad muted">
                {one.status === "SUSPENSE"
                  ? "None. The money is in suspense; its exception proposes what it may be of."
                  : "None."}
              </p>
            )}
          </Section>
        </>
      )}
    </RecordPage>
  );
}
