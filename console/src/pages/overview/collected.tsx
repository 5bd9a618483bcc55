import { amount, Money } from "../../components/money.tsx";
import type { OverviewQuery } from "../../gql/graphql.ts";
import { share } from "./cells.ts";

type Row = NonNullable<OverviewQuery["overview"]["collected"]>[number];

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
            <span className="stack-account" style={{ flexGrow: share(row.onAccount, row.collected) }} />
            <span className="stack-way" style={{ flexGrow: share(row.underWay, row.collected) }} />
            <span className="stack-unexplained" style={{ flexGrow: share(row.unexplained, row.collected) }} />
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
