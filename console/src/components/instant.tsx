import { freshness } from "../client/changes.ts";
import { useStore } from "../client/store.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `2026-07-01 15:00 UTC`, or in a property's zone: `2026-07-01 11:00 EDT`. */
export function instantText(value: string, zone = "UTC"): string {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZoneName: "short",
    })
      .formatToParts(new Date(value))
      .map((part) => [part.type, part.value]),
  );
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute} ${parts.timeZoneName}`;
}

/** An instant to the minute, in `zone` if the property's is known, else in UTC; exact and in UTC on hover. */
export function Instant({ value, zone }: { value: string | null | undefined; zone?: string | null }) {
  if (!value) return <span className="muted">{"\u2013"}</span>;
  return (
    <time dateTime={value} title={value} className="nowrap">
      {instantText(value, zone ?? "UTC")}
    </time>
  );
}

/** How long it is, in its largest unit: `3 d`. */
export function durationText(milliseconds: number): string {
  const length = Math.abs(milliseconds);
  if (length < MINUTE) return "< 1 min";
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min`;
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`;
  return `${Math.floor(length / DAY)} d`;
}

/** The gateway's clock as of its last answer: ages agree with the counts that it gives. */
export function useNow(): number {
  const known = useStore(freshness);
  return known ? Date.parse(known.asOf) : Date.now();
}

/** How long ago; the instant on hover. */
export function Age({ since }: { since: string | null | undefined }) {
  const now = useNow();
  if (!since) return <span className="muted">{"\u2013"}</span>;
  return (
    <time dateTime={since} title={instantText(since)} className="nowrap">
      {durationText(now - Date.parse(since))}
    </time>
  );
}

/** How long until a deadline, or since it passed. */
export function Due({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span className="muted">{"\u2013"}</span>;
  const left = Date.parse(at) - now;
  return (
    <time dateTime={at} title={instantText(at)} className="nowrap">
      {left < 0 ? `${durationText(left)} ago` : `in ${durationText(left)}`}
    </time>
  );
}
