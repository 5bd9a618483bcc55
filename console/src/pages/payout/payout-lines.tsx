import { type Connection, useConnection } from "../../client/connection.ts";
import { Instant } from "../../components/instant.tsx";
import { Money } from "../../components/money.tsx";
import { Section } from "../../components/page.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { type PayoutLinePartsFragment, PayoutLinesDocument } from "../../gql/graphql.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { MoreRows } from "../../views/more-rows.tsx";

const PAGE = 50;
const NOTHING: Connection<PayoutLinePartsFragment> = { edges: [], pageInfo: { hasNextPage: false, endCursor: null } };

/** The lines of a payout. They are asked of the worker that holds it, so they may be missing for a while. */
export function PayoutLines({ id, total }: { id: string; total: number }) {
  const { listing, pages } = useConnection({
    document: PayoutLinesDocument,
    variables: { id },
    connection: (data) => data.payout?.lineItems ?? NOTHING,
    first: PAGE,
  });
  const { rows, ready, error } = listing;
  return (
    <Section title="Lines" note={`${total.toLocaleString("en-US")} of payments`}>
      {rows.length > 0 && (
        <TableCard label="Lines">
          <thead>
            <tr>
              <th scope="col">Payment</th>
              <th scope="col">Reference</th>
              <th scope="col">Outcome</th>
              <th scope="col">Occurred</th>
              <th scope="col" className="number">
                Gross
              </th>
              <th scope="col" className="number">
                Fee
              </th>
              <th scope="col" className="number">
                Net
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((line) => (
              <tr key={`${line.processorReference} ${line.outcome} ${line.occurredAt}`}>
                <th scope="row">
                  {line.paymentId ? (
                    <KeyLink kind="PAYMENT" id={line.paymentId} />
                  ) : (
                    <span className="muted">Of no known payment</span>
                  )}
                </th>
                <td className="id">{line.processorReference}</td>
                <td>{outcome(line.outcome)}</td>
                <td>
                  <Instant value={line.occurredAt} />
                </td>
                <td className="number">
                  <Money value={line.gross} />
                </td>
                <td className="number">
                  <Money value={line.fee} missing="Not known" />
                </td>
                <td className="number">
                  <Money value={line.net} missing="Not known" />
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
      {ready && !error && rows.length === 0 && (
        <p className="card card-pad muted">
          {total === 0
            ? "It has none."
            : "The worker that holds the lines does not answer at the moment. Load the page again in a while."}
        </p>
      )}
      <MoreRows listing={listing} pages={pages} what="lines" />
    </Section>
  );
}

/** `RETURN_REVERSED` as words. */
function outcome(name: string): string {
  const words = name.toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
