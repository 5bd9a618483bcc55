import { getRouteApi, Link } from "@tanstack/react-router";
import { useRecord } from "../../client/record.ts";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { Status } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { PropertyPageDocument, type PropertyPageQuery } from "../../gql/graphql.ts";
import { AGEING_BUCKET, LATE_STAGE } from "../../labels/labels.ts";
import { ObligationList } from "../../views/obligation-list.tsx";
import { OpenExceptions } from "../../views/open-exceptions.tsx";
import { RecordPage } from "../../views/record-page.tsx";

type Property = NonNullable<PropertyPageQuery["property"]>;

const route = getRouteApi("/properties/$id");

/** A property: what is outstanding by age, what is late, and what disagrees. */
export function PropertyPage() {
  const { id } = route.useParams();
  return <PropertyOf key={id} id={id} />;
}

function PropertyOf({ id }: { id: string }) {
  const loaded = useRecord({ document: PropertyPageDocument, variables: { id }, concerns: (item) => item.id === id });
  return (
    <RecordPage
      what="Property"
      id={id}
      loaded={loaded}
      find={(data) => data.property}
      summary={() => (
        <Link to="/payments" search={{ property: id }}>
          Its payments
        </Link>
      )}
    >
      {(property) => (
        <>
          <div className="columns">
            <Ageing property={property} />
            <Late property={property} />
          </div>
          <OpenExceptions
            breaks={property.openBreaks}
            concerns
            more={
              property.openBreaks.length > 0 && (
                <Link to="/exceptions" search={{ property: id }}>
                  In the queue
                </Link>
              )
            }
          />
          <ObligationList of="property" id={id} />
        </>
      )}
    </RecordPage>
  );
}

function Ageing({ property }: { property: Property }) {
  return (
    <Section title="Outstanding by age">
      {property.ageing.length === 0 ? (
        <p className="card card-pad muted">No open obligation.</p>
      ) : (
        <TableCard label="Outstanding by age">
          <thead>
            <tr>
              <th scope="col">Age</th>
              <th scope="col" className="number">
                Obligations
              </th>
              <th scope="col" className="number">
                Outstanding
              </th>
              <th scope="col" className="number">
                Pending
              </th>
            </tr>
          </thead>
          <tbody>
            {property.ageing.map((cell) => (
              <tr key={`${cell.currency} ${cell.bucket}`}>
                <th scope="row">{AGEING_BUCKET[cell.bucket]}</th>
                <td className="number">{cell.obligations.toLocaleString("en-US")}</td>
                <td className="number">
                  <Money value={cell.outstanding} />
                </td>
                <td className="number">
                  <Money value={cell.pending} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
    </Section>
  );
}

function Late({ property }: { property: Property }) {
  return (
    <Section
      title="Late installments"
      note={
        property.late.length > 0 && (
          <Link to="/late" search={{ view: "installments", property: property.id }}>
            In the list
          </Link>
        )
      }
    >
      {property.late.length === 0 ? (
        <p className="card card-pad muted">None is late.</p>
      ) : (
        <TableCard label="Late installments by stage">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col" className="number">
                Installments
              </th>
              <th scope="col" className="number">
                Outstanding
              </th>
            </tr>
          </thead>
          <tbody>
            {property.late.map((cell) => (
              <tr key={`${cell.currency} ${cell.stage}`}>
                <th scope="row">
                  <Status label={LATE_STAGE[cell.stage]} />
                </th>
                <td className="number">{cell.installments.toLocaleString("en-US")}</td>
                <td className="number">
                  <Money value={cell.outstanding} />
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
    </Section>
  );
}
