import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { useQuery } from "urql";
import { noteFreshness } from "../../client/changes.ts";
import { persisted } from "../../client/documents.ts";
import { Button } from "../../components/button.tsx";
import { Age, Instant } from "../../components/instant.tsx";
import { Section } from "../../components/page.tsx";
import { Empty, Loading, Notice, ProblemNotice } from "../../components/states.tsx";
import { Chip } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { HealthDocument, type HealthQuery } from "../../gql/graphql.ts";

type Health = HealthQuery["health"];

const EVERY_MS = 15_000;

/** Workers, feeds, lag and the read model; asked for again while the page is in view. */
export function HealthView() {
  const [{ data, error, fetching }, ask] = useQuery({ query: persisted(HealthDocument) });
  useEffect(() => {
    if (data) noteFreshness(data.health.freshness);
  }, [data]);
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") ask({ requestPolicy: "network-only" });
    }, EVERY_MS);
    return () => window.clearInterval(timer);
  }, [ask]);
  return (
    <>
      {error && <ProblemNotice error={error} retry={() => ask({ requestPolicy: "network-only" })} />}
      {data ? (
        <Parts health={data.health} fetching={fetching} ask={() => ask({ requestPolicy: "network-only" })} />
      ) : (
        !error && <Loading />
      )}
    </>
  );
}

function Parts({ health, fetching, ask }: { health: Health; fetching: boolean; ask: () => void }) {
  const { workers, feeds, readModel, deadLetters, freshness } = health;
  const silent = feeds.filter((feed) => feed.silent);
  const down = workers.filter((worker) => !worker.ready);
  return (
    <>
      {!readModel.up && (
        <Notice tone="danger">
          <strong>The read model does not answer.</strong> Lists and counts are missing until MongoDB is back.
        </Notice>
      )}
      {down.length > 0 && (
        <Notice tone="warning">
          {down.length} of {workers.length} workers {down.length === 1 ? "is" : "are"} not ready. What the others hold
          is answered meanwhile.
        </Notice>
      )}
      {silent.length > 0 && (
        <Notice tone="warning">
          {silent.length === 1 ? "One feed is" : `${silent.length} feeds are`} silent for longer than usual: breaks that
          only say "missing" may come from that.
        </Notice>
      )}
      <div className="card facts-card">
        <dl className="facts">
          <div>
            <dt>Caught up to</dt>
            <dd>{freshness.caughtUpTo ? <Instant value={freshness.caughtUpTo} /> : "Not known"}</dd>
          </div>
          <div>
            <dt>Read model</dt>
            <dd>{readModel.up ? `Up, ${readModel.lag.toLocaleString("en-US")} records behind` : "Does not answer"}</dd>
          </div>
          <div>
            <dt>Dead letters</dt>
            <dd>
              <Link to="/operations" search={{ view: "dead-letters" }}>
                {deadLetters.atLeast && "at least "}
                {deadLetters.value.toLocaleString("en-US")}
              </Link>
            </dd>
          </div>
        </dl>
        <Button small icon="refresh" disabled={fetching} onClick={ask}>
          Ask again
        </Button>
      </div>
      <Section title="Workers">
        <Workers workers={workers} />
      </Section>
      <Section title="Feeds" note="When each source last reported.">
        <Feeds feeds={feeds} />
      </Section>
      <Section title="Lag" note="Records that a group has not read yet.">
        <Lag topics={health.topics} />
      </Section>
    </>
  );
}

function Workers({ workers }: { workers: Health["workers"] }) {
  if (workers.length === 0) {
    return (
      <div className="card">
        <Empty title="No worker is known to the gateway.">
          Name their addresses in RENTMATCH_GATEWAY_WORKERS; until then the live parts of pages are missing.
        </Empty>
      </div>
    );
  }
  return (
    <TableCard label="Workers">
      <thead>
        <tr>
          <th scope="col">Worker</th>
          <th scope="col">State</th>
          <th scope="col" className="number">
            Partitions
          </th>
          <th scope="col">Caught up to</th>
        </tr>
      </thead>
      <tbody>
        {workers.map((worker) => (
          <tr key={worker.url}>
            <th scope="row" className="id">
              {worker.url}
            </th>
            <td>
              {worker.ready ? <Chip tone="success">Ready</Chip> : <Chip tone="warning">Not ready</Chip>}
              {worker.reason && <span className="muted"> {worker.reason}</span>}
            </td>
            <td className="number">{worker.partitions}</td>
            <td>
              <Instant value={worker.caughtUpTo} />
            </td>
          </tr>
        ))}
      </tbody>
    </TableCard>
  );
}

function Feeds({ feeds }: { feeds: Health["feeds"] }) {
  if (feeds.length === 0) {
    return (
      <div className="card">
        <Empty title="No source has reported yet." />
      </div>
    );
  }
  return (
    <TableCard label="Feeds">
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">Topic</th>
          <th scope="col">State</th>
          <th scope="col">Last report</th>
          <th scope="col" className="number">
            Ago
          </th>
        </tr>
      </thead>
      <tbody>
        {feeds.map((feed) => (
          <tr key={`${feed.source} ${feed.topic}`}>
            <th scope="row">{feed.source}</th>
            <td className="id">{feed.topic}</td>
            <td>
              <FeedState feed={feed} />
            </td>
            <td>
              <Instant value={feed.lastAt} />
            </td>
            <td className="number">
              <Age since={feed.lastAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </TableCard>
  );
}

function FeedState({ feed }: { feed: Health["feeds"][number] }) {
  if (feed.silent) return <Chip tone="warning">Silent</Chip>;
  return feed.lastAt ? <Chip tone="success">Reports</Chip> : <Chip>Nothing known</Chip>;
}

interface TopicRow {
  group: string;
  topic: string;
  partitions: number;
  lag: number;
  worst: { partition: number; lag: number } | null;
}

/** One row a group and topic; where it lags, the partition that lags most. */
export function topicRows(topics: Health["topics"]): TopicRow[] {
  const rows = new Map<string, TopicRow>();
  for (const { group, topic, partition, lag } of topics) {
    const key = `${group} ${topic}`;
    const row = rows.get(key) ?? { group, topic, partitions: 0, lag: 0, worst: null };
    const worst = lag > (row.worst?.lag ?? 0) ? { partition, lag } : row.worst;
    rows.set(key, { ...row, partitions: row.partitions + 1, lag: row.lag + lag, worst });
  }
  return [...rows.values()].sort((a, b) => b.lag - a.lag || a.topic.localeCompare(b.topic));
}

function Lag({ topics }: { topics: Health["topics"] }) {
  const rows = topicRows(topics);
  if (rows.length === 0) {
    return (
      <div className="card">
        <Empty title="The broker does not say how far the groups are." />
      </div>
    );
  }
  return (
    <TableCard label="Lag">
      <thead>
        <tr>
          <th scope="col">Topic</th>
          <th scope="col">Group</th>
          <th scope="col" className="number">
            Partitions
          </th>
          <th scope="col" className="number">
            Lag
          </th>
          <th scope="col">Most in</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.group} ${row.topic}`}>
            <th scope="row" className="id">
              {row.topic}
            </th>
            <td className="id">{row.group}</td>
            <td className="number">{row.partitions}</td>
            <td className="number">
              {row.lag === 0 ? <span className="muted">0</span> : row.lag.toLocaleString("en-US")}
            </td>
            <td>
              {row.worst ? (
                `partition ${row.worst.partition}: ${row.worst.lag.toLocaleString("en-US")}`
              ) : (
                <span className="muted">{"\u2013"}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </TableCard>
  );
}
