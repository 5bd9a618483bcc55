import { Link } from "@tanstack/react-router";
import { Money } from "../components/money.tsx";
import { Section } from "../components/page.tsx";
import { Status } from "../components/status.tsx";
import { TableCard } from "../components/table-card.tsx";
import type { LateRowFragment } from "../gql/graphql.ts";
import { LATE_STAGE } from "../labels/labels.ts";
import { KeyLink } from "./key-link.tsx";

/** Late installments in a page of something else; nothing where there are none. */
export function LateTable({ rows, search }: { rows: readonly LateRowFragment[]; search: { tenant?: string } }) {
  if (rows.length === 0) return null;
  return (
    <Section
      title="Late installments"
      note={
        <Link to="/late" search={{ view: "installments", ...search }}>
          In the list
        </Link>
      }
    >
      <TableCard label="Late installments">
        <thead>
          <tr>
            <th scope="col">Obligation</th>
            <th scope="col">Installment</th>
            <th scope="col">Stage</th>
            <th scope="col">Due</th>
            <th scope="col" className="number">
              Amount
            </th>
            <th scope="col" className="number">
              Outstanding
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">
                <KeyLink kind="OBLIGATION" id={row.obligationId} />
              </th>
              <td>{row.installmentId}</td>
              <td>
                <Status label={LATE_STAGE[row.stage]} />
              </td>
              <td className="nowrap">{row.dueDate}</td>
              <td className="number">
                <Money value={row.due} />
              </td>
              <td className="number">
                <Money value={row.outstanding} />
              </td>
            </tr>
          ))}
        </tbody>
      </TableCard>
    </Section>
  );
}
