import { amount, Money } from "../../components/money.tsx";
import type { OverviewQuery } from "../../gql/graphql.ts";
import { share } from "./cells.ts";

type Row = NonNullable<OverviewQuery["overview"]["collected"]>[number];

const PARTS = [
  { part: "onAccount", look: "stack-account" },
  { part: "underWay", look: "stack-way" },
  { part: "unexplained", look: "stack-unexplained" },
] as const;

/** Where the collected money is: on the bank account, under way, or not explained. The three add up to it. */
export function Collected({ rows }: { rows: readonly Row[] }) {
  return (
    <ul className="collected">
      {rows.map((row) => (
        <li key={row.currency} className="collected-row">
          <p>
            Of <strong>{amount(row.collected)}</strong> collected, {amount(row.onAccount)} is on the account,{" "}
            {amount(row.underWay)} is under way, and {amount(row.unexplained)} is not explained.
          </p>
          <div className="stack" aria-hidden="true">
            {PARTS.map(({ part, look }) => {
              const size = share(row[part], row.collected);
              return size > 0 && <span key={part} className={look} style={{ flexGrow: size }} />;
            })}
          </div>
          <dl className="collected-parts">
            <div>
              <dt>
                <span className="swatch stack-account" aria-hidden="true" />
                On the account
              </dt>
              <dd>
                <Money value={row.onAccount} />
              </dd>
            </div>
            <div>
              <dt>
                <span className="swatch stack-way" aria-hidden="true" />
                Under way
              </dt>
              <dd>
                <Money value={row.underWay} />
              </dd>
            </div>
            <div>
              <dt>
                <span className="swatch stack-unexplained" aria-hidden="true" />
                Not explained
              </dt>
              <dd>
                <Money value={row.unexplained} />
              </dd>
            </div>
            <div>
              <dt className="muted">Booked, of no payout</dt>
              <dd>
                <Money value={row.entries} />
              </dd>
            </div>
          </dl>
        </li>
      ))}
    </ul>
  );
}
