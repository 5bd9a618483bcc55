import { getRouteApi } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { LeasePageDocument } from "../../gql/graphql.ts";
import { ObligationList } from "../../views/obligation-list.tsx";
import { PartyLink } from "../../views/party-link.tsx";
import { RecordPage } from "../../views/record-page.tsx";

const route = getRouteApi("/leases/$id");

/** A lease: its obligations, month by month. */
export function LeasePage() {
  const { id } = route.useParams();
  return <LeaseOf key={id} id={id} />;
}

function LeaseOf({ id }: { id: string }) {
  const loaded = useRecord({ document: LeasePageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage
      what="Lease"
      id={id}
      loaded={loaded}
      find={(data) => data.lease}
      summary={(lease) => {
        const one = lease.obligations.edges[0]?.node;
        return (
          one && (
            <span className="summary-line">
              <span>
                tenant <PartyLink of="tenant" id={one.tenantId} />
              </span>
              <span>
                property <PartyLink of="property" id={one.propertyId} />
              </span>
            </span>
          )
        );
      }}
    >
      {() => <ObligationList of="lease" id={id} />}
    </RecordPage>
  );
}
