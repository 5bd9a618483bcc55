import { Link } from "@tanstack/react-router";
import { Age } from "../components/instant.tsx";
import { Money } from "../components/money.tsx";
import { Section } from "../components/page.tsx";
import { Chip, Priority, Status } from "../components/status.tsx";
import { TableCard } from "../components/table-card.tsx";
import type { BreakRowFragment } from "../gql/graphql.ts";
import { DECISION_STATE, KEY_KIND } from "../labels/labels.ts";
import { KeyLink } from "./key-link.tsx";

/**
 * The open exceptions of a record.
 *
 * @param concerns - whether to say what each is about, where they are of several records
 * @param more - a link to all of them, where these are only the first
 */
export function OpenExceptions({
  breaks,
  concerns,
  more,
}: {
  breaks: readonly BreakRowFragment[];
  concerns?: boolean;
  more?: React.ReactNode;
}) {
  return (
    <Section title="Open exceptions" note={more}>
      {breaks.length === 0 ? (
        <p className="card card-pad muted">None. As far as the inputs have been read, everything agrees.</p>
      ) : (
        <TableCard label="Open exceptions">
          <thead>
            <tr>
              <th scope="col">Exception</th>
              <th scope="col">Priority</th>
              {concerns && <th scope="col">Concerns</th>}
              <th scope="col" className="number">
                Difference
              </th>
              <th scope="col" className="number">
                Age
              </th>
              <th scope="col">Decision</th>
            </tr>
          </thead>
          <tbody>
            {breaks.map((one) => (
              <tr key={one.id}>
                <th scope="row">
                  <Link to="/exceptions/$id" params={{ id: one.id }} className="row-link">
                    {one.title}
                  </Link>
                </th>
                <td>
                  <Priority value={one.priority} />
                </td>
                {concerns && (
                  <td className="nowrap">
                    <span className="muted">{KEY_KIND[one.keyKind]} </span>
                    <KeyLink kind={one.keyKind} id={one.key} />
                  </td>
                )}
                <td className="number">
                  <Money value={one.drift} signed />
                </td>
                <td className="number">
                  <Age since={one.openedAt} />
                </td>
                <td className="nowrap">
                  {one.lifecycle === "RESOLVED" ? (
                    <Chip tone="success">Resolved</Chip>
                  ) : one.decision ? (
                    <Status label={DECISION_STATE[one.decision.state]} />
                  ) : (
                    <span className="muted">None</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </TableCard>
      )}
    </Section>
  );
}
