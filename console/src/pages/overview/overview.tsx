import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useRef } from "react";
import { useQuery } from "urql";
import { lower } from "../../app/search.ts";
import { useViewer } from "../../app/session.tsx";
import { useChanges } from "../../client/changes.ts";
import { persisted } from "../../client/documents.ts";
import { Money, NO_CURRENCY } from "../../components/money.tsx";
import { Page, Section } from "../../components/page.tsx";
import { Empty, Loading, ProblemNotice } from "../../components/states.tsx";
import { Priority, Status } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { type AgeBucket, type LateStage, OverviewDocument, type OverviewQuery } from "../../gql/graphql.ts";
import { AGE_BUCKET, LATE_STAGE } from "../../labels/labels.ts";
import { AGES, type BreakCell, type ClassRow, classRows, headline, type LateCell, moneyRows } from "./cells.ts";
import { Collected } from "./collected.tsx";
import { Trend } from "./trend.tsx";
import "./overview.css";

const SETTLE_MS = 5_000;

/** What is open, how much money is in it, who is late, and where the collected money is. */
export function Overview() {
  const viewer = useViewer();
  const [{ data, error }, ask] = useQuery({ query: persisted(OverviewDocument) });
  useFollowing(() => ask({ requestPolicy: "network-only" }));
  const scope = viewer.properties
    ? `Of ${viewer.properties.length === 1 ? "one property" : `${viewer.properties.length} properties`}`
    : "Of all properties";
  return (
    <Page title="Overview" summary={scope}>
      {error && <ProblemNotice error={error} retry={() => ask({ requestPolicy: "network-only" })} />}
      {data ? <Parts overview={data.overview} /> : !error && <Loading />}
    </Page>
  );
}

/** Ask again some seconds after something changed: one request for many changes. */
function useFollowing(ask: () => void): void {
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  useChanges((change) => {
    if (!change.resync && change.items.length === 0) return;
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      ask();
    }, SETTLE_MS);
  });
}

function Parts({ overview }: { overview: OverviewQuery["overview"] }) {
  const { breaks, late, collected, trend } = overview;
  const head = useMemo(() => headline(breaks), [breaks]);
  const rows = useMemo(() => classRows(breaks), [breaks]);
  return (
    <>
      <div className="figures">
        <Figure label="Open exceptions" value={head.count} link={<Link to="/exceptions">Work them</Link>} />
        {head.byPriority.map(({ priority, count }) => (
          <Figure
            key={priority}
            label={<Priority value={priority} />}
            value={count}
            link={
              <Link to="/exceptions" search={{ priority: [String(priority) as "1" | "2" | "3"] }}>
                {["Money at risk", "Amounts differ", "Missing or misplaced"][priority - 1]}
              </Link>
            }
          />
        ))}
        <Figure
          label="Nobody has decided"
          value={head.undecided}
          link={
            <Link to="/exceptions" search={{ decision: "none" }}>
              Look at them
            </Link>
          }
        />
        <Figure
          label="Wait for approval"
          value={head.waiting}
          link={
            <Link to="/exceptions" search={{ decision: "accept_requested" }}>
              Approve
            </Link>
          }
        />
      </div>
      <div className="columns">
        <div className="column">
          <Section title="Money in exceptions" note="Gross adds up the differences; in net they offset each other.">
            <MoneyTable breaks={breaks} />
          </Section>
          <Section title="Opened and closed" note="The last 30 days, in UTC.">
            <div className="card card-pad">
              <Trend days={trend} />
            </div>
          </Section>
        </div>
        <Section title="Past due" note="Installments that are late now, by stage.">
          <LateTable cells={late} />
        </Section>
      </div>
      {collected && (
        <Section title="Collected, to the bank">
          <div className="card card-pad">
            {collected.length > 0 ? <Collected rows={collected} /> : <Empty title="Nothing is collected yet." />}
          </div>
        </Section>
      )}
      <Section title="Open by class and age">{rows.length > 0 ? <Matrix rows={rows} /> : <NothingOpen />}</Section>
    </>
  );
}

function NothingOpen() {
  return (
    <div className="card">
      <Empty title="No exception is open.">
        Money, processors and ledger agree, as far as the inputs have been read.
      </Empty>
    </div>
  );
}

function Figure({ label, value, link }: { label: ReactNode; value: number; link: ReactNode }) {
  return (
    <div className="figure card">
      <div className="figure-label muted">{label}</div>
      <div className="figure-value">{value.toLocaleString("en-US")}</div>
      <div className="figure-link">{link}</div>
    </div>
  );
}

function MoneyTable({ breaks }: { breaks: readonly BreakCell[] }) {
  const rows = moneyRows(breaks);
  if (rows.length === 0) return <NothingOpen />;
  return (
    <TableCard label="Money in exceptions">
      <thead>
        <tr>
          <th scope="col">Currency</th>
          <th scope="col" className="number">
            Exceptions
          </th>
          <th scope="col" className="number">
            Gross
          </th>
          <th scope="col" className="number">
            Net
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.currency}>
            <th scope="row">
              <Link to="/exceptions" search={{ currency: row.currency, order: "amount" }}>
                {row.currency === NO_CURRENCY ? "Without an amount" : row.currency}
              </Link>
            </th>
            <td className="number">{row.count.toLocaleString("en-US")}</td>
            <td className="number">
              <Money value={row.gross} bare />
            </td>
            <td className="number">
              <Money value={row.net} bare signed />
            </td>
          </tr>
        ))}
      </tbody>
    </TableCard>
  );
}

function LateTable({ cells }: { cells: readonly LateCell[] }) {
  if (cells.length === 0) {
    return (
      <div className="card">
        <Empty title="Nothing is past due." />
      </div>
    );
  }
  const stages = (Object.keys(LATE_STAGE) as LateStage[]).filter((stage) => cells.some((cell) => cell.stage === stage));
  return (
    <TableCard label="Past due">
      <thead>
        <tr>
          <th scope="col">Stage</th>
          <th scope="col" className="number">
            Installments
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
        {stages.flatMap((stage) =>
          cells
            .filter((cell) => cell.stage === stage && cell.installments > 0)
            .sort((a, b) => a.currency.localeCompare(b.currency))
            .map((cell) => (
              <tr key={`${stage} ${cell.currency}`}>
                <th scope="row">
                  <Status label={LATE_STAGE[stage]} />
                </th>
                <td className="number">
                  {stage === "UNKNOWN" ? (
                    cell.installments.toLocaleString("en-US")
                  ) : (
                    <Link
                      to="/late"
                      search={{
                        view: "installments",
                        stage: lower([stage])[0] as Lowercase<Exclude<LateStage, "UNKNOWN">>,
                        currency: cell.currency,
                      }}
                    >
                      {cell.installments.toLocaleString("en-US")}
                    </Link>
                  )}
                </td>
                <td className="number">
                  <Money value={cell.outstanding} />
                </td>
                <td className="number">
                  <Money value={cell.pending} />
                </td>
              </tr>
            )),
        )}
      </tbody>
    </TableCard>
  );
}

function Matrix({ rows }: { rows: readonly ClassRow[] }) {
  const totals = AGES.map((age) => rows.reduce((sofar, row) => sofar + row.byAge[age], 0));
  return (
    <TableCard label="Open by class and age" className="matrix">
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col">Priority</th>
          {AGES.map((age) => (
            <th key={age} scope="col" className="number">
              {AGE_BUCKET[age]}
            </th>
          ))}
          <th scope="col" className="number">
            In all
          </th>
          <th scope="col" className="number">
            Gross
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.class}>
            <th scope="row">
              <Cell row={row}>{row.title}</Cell>
            </th>
            <td>
              <Priority value={row.priority} />
            </td>
            {AGES.map((age) => (
              <td key={age} className="number">
                {row.byAge[age] > 0 ? (
                  <Cell row={row} age={age}>
                    {row.byAge[age].toLocaleString("en-US")}
                  </Cell>
                ) : (
                  <span className="muted">0</span>
                )}
              </td>
            ))}
            <td className="number">
              <strong>{row.count.toLocaleString("en-US")}</strong>
            </td>
            <td className="number">
              {row.gross.map((money) => (
                <div key={money.currency}>
                  <Money value={money} />
                </div>
              ))}
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">All classes</th>
          <td />
          {AGES.map((age, at) => (
            <td key={age} className="number">
              <Link to="/exceptions" search={{ age: lower([age])[0] }}>
                {totals[at]?.toLocaleString("en-US")}
              </Link>
            </td>
          ))}
          <td className="number">{rows.reduce((sofar, row) => sofar + row.count, 0).toLocaleString("en-US")}</td>
          <td />
        </tr>
      </tfoot>
    </TableCard>
  );
}

function Cell({ row, age, children }: { row: ClassRow; age?: AgeBucket; children: ReactNode }) {
  if (row.class === "UNKNOWN") return <>{children}</>;
  return (
    <Link to="/exceptions" search={{ class: lower([row.class]), age: age && lower([age])[0] }}>
      {children}
    </Link>
  );
}
