import { getRouteApi, Link } from "@tanstack/react-router";
import { useConnection } from "../../client/connection.ts";
import { useRecord } from "../../client/record.ts";
import { Section } from "../../components/page.tsx";
import { PaymentsDocument, TenantPageDocument } from "../../gql/graphql.ts";
import { Count } from "../../views/count.tsx";
import { LateTable } from "../../views/late-table.tsx";
import { MoreRows } from "../../views/more-rows.tsx";
import { ObligationList } from "../../views/obligation-list.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { PaymentTable } from "../../views/payment-table.tsx";
import { RecordPage } from "../../views/record-page.tsx";

const route = getRouteApi("/tenants/$id");

/** A tenant: what is late, what disagrees, what is owed and what was paid. */
export function TenantPage() {
  const { id } = route.useParams();
  return <TenantOf key={id} id={id} />;
}

function TenantOf({ id }: { id: string }) {
  const loaded = useRecord({ document: TenantPageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage what="Tenant" id={id} loaded={loaded} find={(data) => data.tenant}>
      {(tenant) => (
        <>
          <OpenExceptions
            breaks={tenant.openBreaks}
            concerns
            more={
              tenant.openBreaks.length > 0 && (
                <Link to="/exceptions" search={{ tenant: id }}>
                  In the queue
                </Link>
              )
            }
          />
          <LateTable rows={tenant.late} search={{ tenant: id }} />
          <ObligationList of="tenant" id={id} />
          <Payments id={id} />
        </>
      )}
    </RecordPage>
  );
}

function Payments({ id }: { id: string }) {
  const { listing, pages } = useConnection({
    document: PaymentsDocument,
    variables: { filter: { tenant: id } },
    connection: (data) => data.payments,
    first: 50,
  });
  return (
    <Section
      title="Payments"
      note={
        <>
          <Count count={listing.count} one="payment" many="payments" />, the latest first
        </>
      }
    >
      {listing.ready && !listing.error && <PaymentTable rows={listing.rows} />}
      <MoreRows listing={listing} pages={pages} what="payments" />
    </Section>
  );
}
