import type { OverviewQuery } from "../../gql/graphql.ts";

type Day = OverviewQuery["overview"]["trend"][number];

const WIDTH = 640;
const HEIGHT = 150;
const AXIS = 18;

/** Opened and closed exceptions a day. The numbers are in a table for whoever cannot see the bars. */
export function Trend({ days }: { days: readonly Day[] }) {
  const most = Math.max(1, ...days.map((day) => Math.max(day.opened, day.resolved + day.accepted)));
  const slot = WIDTH / Math.max(1, days.length);
  const bar = Math.max(2, slot * 0.34);
  const height = (count: number) => (count / most) * (HEIGHT - AXIS - 6);
  const base = HEIGHT - AXIS;
  const opened = days.reduce((sofar, day) => sofar + day.opened, 0);
  const resolved = days.reduce((sofar, day) => sofar + day.resolved, 0);
  const accepted = days.reduce((sofar, day) => sofar + day.accepted, 0);
  return (
    <figure className="trend">
      <figcaption className="trend-legend">
        <span>
          <span className="swatch swatch-opened" aria-hidden="true" />
          Opened <strong>{opened.toLocaleString("en-US")}</strong>
        </span>
        <span>
          <span className="swatch swatch-resolved" aria-hidden="true" />
          Resolved <strong>{resolved.toLocaleString("en-US")}</strong>
        </span>
        <span>
          <span className="swatch swatch-accepted" aria-hidden="true" />
          Accepted <strong>{accepted.toLocaleString("en-US")}</strong>
        </span>
        <span className="muted">Most on one day: {most.toLocaleString("en-US")}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="trend-chart" aria-hidden="true" preserveAspectRatio="none">
        <line x1={0} x2={WIDTH} y1={base} y2={base} className="trend-axis" />
        {days.map((day, at) => {
          const left = at * slot + (slot - 2 * bar - 1) / 2;
          const resolvedHeight = height(day.resolved);
          const acceptedHeight = height(day.accepted);
          return (
            <g key={day.day}>
              <title>{`${day.day}: ${day.opened} opened, ${day.resolved} resolved, ${day.accepted} accepted`}</title>
              <rect x={at * slot} y={0} width={slot} height={base} className="trend-hit" />
              <rect
                x={left}
                y={base - height(day.opened)}
                width={bar}
                height={height(day.opened)}
                className="bar-opened"
              />
              <rect
                x={left + bar + 1}
                y={base - resolvedHeight}
                width={bar}
                height={resolvedHeight}
                className="bar-resolved"
              />
              <rect
                x={left + bar + 1}
                y={base - resolvedHeight - acceptedHeight}
                width={bar}
                height={acceptedHeight}
                className="bar-accepted"
              />
            </g>
          );
        })}
      </svg>
      <div className="trend-days muted" aria-hidden="true">
        <span>{days[0]?.day}</span>
        <span>{days[Math.floor(days.length / 2)]?.day}</span>
        <span>{days.at(-1)?.day}</span>
      </div>
      <div className="hidden-text">
        <table>
          <caption>Exceptions a day, UTC</caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col">Opened</th>
              <th scope="col">Resolved</th>
              <th scope="col">Accepted</th>
            </tr>
          </thead>
          <tbody>
            {days.map((day) => (
              <tr key={day.day}>
                <th scope="row">{day.day}</th>
                <td>{day.opened}</td>
                <td>{day.resolved}</td>
                <td>{day.accepted}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
