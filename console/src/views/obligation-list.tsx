import { useConnection } from "../client/connection.ts";
import { Money } from "../components/money.tsx";
import { Section } from "../components/page.tsx";
import { Status } from "../components/status.tsx";
import { TableCard } from "../components/table-card.tsx";
import { type ObligationFilter, ObligationListCountDocument, ObligationListDocument } from "../gql/graphql.ts";
import { OBLIGATION_STATUS } from "../labels/labels.ts";
import { Count } from "./count.tsx";
import { KeyLink } from "./key-link.tsx";
import { MoreRows } from "./more-rows.tsx";
import { PartyLink } from "./party-link.tsx";

type Of = "tenant" | "lease" | "property";

/** The obligations of a tenant, a lease or a property, which is not repeated in the table. */
export function ObligationList({ of, id }: { of: Of; id: string }) {
  const filter: ObligationFilter = { [of]: id };
  const { listing, pages } = useConnection({
    document: ObligationListDocument,
    variables: { filter },
    connection: (data) => data.obligations,
    first: 50,
    count: { document: ObligationListCountDocument, variables: { filter }, of: (data) => data.obligations.count },
  });
  return (
    <Section title="Obligations" note={<Count count={listing.count} one="obligation" many="obligations" />}>
      {listing.rows.length > 0 && (
        <TableCard label="Obligations">
          <thead>
            <tr>
              <th scope="col">Obligation</th>
              <th scope="col">Period</th>
              <th scope="col">Status</th>
              {of !== "lease" && <th scope="col">Lease</th>}
              {of !== "tenant" && <th scope="col">Tenant</th>}
              {of !== "property" && <th scope="col">Property</th>}
              <th scope="col">Next due</th>
              <th scope="col" className="number">
                Balance
              </th>
              <th scope="col" className="number">
                Paid
              </th>
              <th scope="col" className="number">
                Pending
              </th>
            </tr>
          </thead>
          <tbody>
            {listing.rows.map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  <KeyLink kind="OBLIGATION" id={row.id} />
                </th>
                <td className="nowrap">{row.period}</td>
                <td>
                  <Status label={OBLIGATION_STATUS[row.status]} />
                </td>
                {of !== "lease" && (
                  <td>
                    <PartyLink of="lease" id={row.leaseId} />
                  </td>
                )}
                {of !== "tenant" && (
                  <td>
                    <PartyLink of="tenant" id={row.tenantId} />
                  </td>
                )}
                {of !== "property" && (
                  <td>
                    <PartyLink of="property" id={row.propertyId} />
                  </td>
                )}
                <td className="nowrap">{row.nextDueDate ?? <span className="muted">{"\u2013"}</span>}</td>
                <td className="number">
                  <Money value={row.balance} />
                </td>
                <td className="number">
                  <Money value={row.paid} />
                </td>
                <td className="number">
                  <Money value={row.pending} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
      {listing.ready && listing.rows.length === 0 && !listing.error && <p className="card card-pad muted">None.</p>}
      <MoreRows listing={listing} pages={pages} what="obligations" />
    </Section>
  );
}
