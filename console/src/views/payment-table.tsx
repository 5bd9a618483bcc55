import { Money } from "../components/money.tsx";
import { Status } from "../components/status.tsx";
import { TableCard } from "../components/table-card.tsx";
import type { PaymentRowFragment } from "../gql/graphql.ts";
import { METHOD, PAYMENT_STATUS } from "../labels/labels.ts";
import { KeyLink } from "./key-link.tsx";

/** Payments in a page of something else; on that of an obligation it is not repeated. */
export function PaymentTable({
  rows,
  label = "Payments",
  withObligation = true,
}: {
  rows: readonly PaymentRowFragment[];
  label?: string;
  withObligation?: boolean;
}) {
  if (rows.length === 0) return <p className="card card-pad muted">None.</p>;
  return (
    <TableCard label={label}>
      <thead>
        <tr>
          <th scope="col">Payment</th>
          <th scope="col">Status</th>
          <th scope="col">Method</th>
          {withObligation && <th scope="col">Obligation</th>}
          <th scope="col" className="number">
            Initiated
          </th>
          <th scope="col" className="number">
            In flight
          </th>
          <th scope="col" className="number">
            Net settled
          </th>
          <th scope="col" className="number">
            Posted
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row">
              <KeyLink kind="PAYMENT" id={row.id} />
            </th>
            <td>
              <Status label={PAYMENT_STATUS[row.status]} />
            </td>
            <td className="nowrap">
              {row.initiated ? METHOD[row.initiated.method] : <span className="muted">{"\u2013"}</span>}
            </td>
            {withObligation && (
              <td>
                {row.initiated ? (
                  <KeyLink kind="OBLIGATION" id={row.initiated.obligationId} />
                ) : (
                  <span className="muted">Not initiated</span>
                )}
              </td>
            )}
            <td className="number">
              <Money value={row.initiated?.amount} />
            </td>
            <td className="number">
              <Money value={row.inFlight} />
            </td>
            <td className="number">
              <Money value={row.settled.standing} />
            </td>
            <td className="number">
              <Money value={row.posted} />
            </td>
          </tr>
        ))}
      </tbody>
    </TableCard>
  );
}
