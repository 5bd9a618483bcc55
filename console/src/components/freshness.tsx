import { freshness, stream } from "../client/changes.ts";
import { useStore } from "../client/store.ts";
import { durationText, instantText } from "./instant.tsx";

/**
 * Up to when every input has been read: what the page shows is as of then.
 *
 * It comes with the stream of changes, not with each list: a broker or a worker that is away delays no page.
 */
export function Freshness() {
  const known = useStore(freshness);
  const state = useStore(stream);
  if (!known) return <p className="freshness">{state === "live" ? "" : "Caught-up time not known yet"}</p>;
  const { caughtUpTo, lag, asOf } = known;
  const behind = caughtUpTo ? Date.parse(asOf) - Date.parse(caughtUpTo) : null;
  const late = behind === null || behind > 5 * 60_000 || lag > 10_000;
  const title = [
    caughtUpTo
      ? `Every input has been read up to ${caughtUpTo}.`
      : "It is not known how far the inputs have been read.",
    lag > 0 ? `${lag.toLocaleString("en-US")} records are not on these pages yet.` : "These pages have all records.",
    state === "live" ? "Changes are shown as they come." : "Changes are not coming in at the moment.",
  ].join(" ");
  return (
    <p className={late ? "freshness freshness-late" : "freshness"} title={title}>
      <span className={state === "live" ? "dot dot-live" : "dot"} aria-hidden="true" />
      <span className="freshness-words">
        {caughtUpTo ? (
          <>
            <span className="freshness-prefix">Caught up to </span>
            <time dateTime={caughtUpTo}>
              <span className="freshness-day">{instantText(caughtUpTo).slice(0, 11)}</span>
              {instantText(caughtUpTo).slice(11)}
            </time>
            {late && behind !== null && <> ({durationText(behind)} behind)</>}
          </>
        ) : (
          "Caught-up time not known"
        )}
        {lag > 0 && <>, {lag.toLocaleString("en-US")} to come</>}
      </span>
      <span className="hidden-text">{title}</span>
    </p>
  );
}
