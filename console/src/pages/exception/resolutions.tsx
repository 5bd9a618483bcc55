import { useId, useState } from "react";
import { useMay } from "../../app/session.tsx";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Instant } from "../../components/instant.tsx";
import { Section } from "../../components/page.tsx";
import { Chip } from "../../components/status.tsx";
import type { KeyKind } from "../../gql/graphql.ts";
import { CLASS_TITLES } from "../../labels/classes.ts";
import type { Explanation } from "./exception.tsx";

type Resolution = Explanation["resolutions"][number];
type Event = Resolution["events"][number];

/** What would resolve it: remedies of which each alone is enough, and the deadlines that bear on it. */
export function Resolutions({
  explanation,
  keyKind,
  onMatch,
}: {
  explanation: Explanation;
  keyKind: KeyKind;
  onMatch: (target?: string) => void;
}) {
  const { resolutions, deadlines, timeZone, stays } = explanation;
  return (
    <Section
      title="What would resolve it"
      note={
        resolutions.length > 1
          ? "Any one of these, once the system that it names reports it."
          : "Once the system that it names reports it."
      }
    >
      {resolutions.length === 0 && (
        <p className="card card-pad">
          {stays
            ? "Nothing: it stays as a record of what happened, until people accept it as it is."
            : "No single record would. Accept the difference as it is, or wait for what is missing."}
        </p>
      )}
      <ol className="remedies">
        {resolutions.map((one, at) => (
          <li key={`${one.by} ${one.what}`} className="card remedy">
            <span className="remedy-number" aria-hidden="true">
              {at + 1}
            </span>
            <Remedy resolution={one} zone={timeZone} keyKind={keyKind} onMatch={onMatch} />
          </li>
        ))}
      </ol>
      {deadlines.length > 0 && (
        <ul className="deadlines">
          {deadlines.map((one) => (
            <li key={one.what}>
              <Chip tone={one.passed ? "warning" : "neutral"}>{one.passed ? "Passed" : "Deadline"}</Chip>{" "}
              {one.at && <Instant value={one.at} zone={timeZone} />} {one.what}
            </li>
          ))}
        </ul>
      )}
      <details className="rule">
        <summary>The rule</summary>
        <p className="muted">{explanation.contract}</p>
      </details>
    </Section>
  );
}

function Remedy({
  resolution,
  zone,
  keyKind,
  onMatch,
}: {
  resolution: Resolution;
  zone: string | null;
  keyKind: KeyKind;
  onMatch: (target?: string) => void;
}) {
  const may = useMay("MATCH");
  const isMatch = resolution.events.some(
    (event) => event.type === "ReferenceAssigned" || event.type === "EntryMatched",
  );
  return (
    <div className="remedy-body">
      <h3>{capital(resolution.what)}</h3>
      <ul className="remedy-events">
        {resolution.events.map((event) => (
          <li key={event.text + event.fields}>
            <Record event={event} zone={zone} />
          </li>
        ))}
      </ul>
      {resolution.then.length > 0 && (
        <p className="muted">
          {"Then, unless more comes: "}
          {resolution.then.map((next, at) => (
            <span key={next.class}>
              {at > 0 && ", "}
              {CLASS_TITLES[next.class].toLowerCase()}
              {next.dueAt && (
                <>
                  {" by "}
                  <Instant value={next.dueAt} zone={zone} />
                </>
              )}
            </span>
          ))}
          .
        </p>
      )}
      {isMatch && may && (keyKind === "REFERENCE" || keyKind === "BANK_ENTRY") && (
        <Button small onClick={() => onMatch()}>
          Match it here
        </Button>
      )}
    </div>
  );
}

function Record({ event, zone }: { event: Event; zone: string | null }) {
  const [shown, setShown] = useState(false);
  const id = useId();
  const record = template(event);
  return (
    <>
      <p>
        {capital(event.text)}
        {event.before && (
          <>
            {", before "}
            <Instant value={event.before} zone={zone} />
          </>
        )}
      </p>
      <div className="record-toggle">
        <Button
          small
          tone="quiet"
          icon={shown ? "down" : "right"}
          aria-expanded={shown}
          aria-controls={id}
          onClick={() => setShown(!shown)}
        >
          {shown ? "Hide the record" : "Show the record"}
        </Button>
      </div>
      {shown && (
        <div id={id} className="record-fields">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it. */}
          <pre className="code" tabIndex={0}>
            {JSON.stringify(record, null, 2)}
          </pre>
          <div className="record-foot">
            {event.free.length > 0 && (
              <p className="muted">
                Left to the sender: {event.free.map((field) => `${field.name} (${field.what})`).join(", ")}.
              </p>
            )}
            <CopyButton text={JSON.stringify(record)} label="Copy the record" />
          </div>
        </div>
      )}
    </>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What only the sender can say of any record, with the words for it in the place of the value. */
const ALWAYS_FREE = ["event_id", "occurred_at"];

/** The record as `rentmatch publish` takes it, but for what its sender has to fill in. */
function template(event: Event): object {
  const free = event.free.filter((field) => ALWAYS_FREE.includes(field.name));
  const open = Object.fromEntries(free.map((field) => [field.name, `<${field.what}>`]));
  return { type: event.type, ...open, ...JSON.parse(event.fields) };
}
