import { useState } from "react";
import { Instant } from "../../components/instant.tsx";
import { Section } from "../../components/page.tsx";
import { Chip } from "../../components/status.tsx";
import type { Explanation } from "./exception.tsx";

/** What happened, by when it occurred; what the exception rests on is marked. */
export function Story({ explanation }: { explanation: Explanation }) {
  const [restsOnly, setRestsOnly] = useState(false);
  const { story, timeZone } = explanation;
  const others = story.filter((line) => !line.rests).length;
  const shown = restsOnly ? story.filter((line) => line.rests) : story;
  return (
    <Section
      title="What happened"
      note={
        <>
          {timeZone && `Times in ${timeZone}. `}
          <span className="rests-mark" aria-hidden="true" /> what the exception rests on
        </>
      }
      actions={
        others > 0 && (
          <label className="check">
            <input type="checkbox" checked={restsOnly} onChange={(event) => setRestsOnly(event.target.checked)} />
            Only what it rests on
          </label>
        )
      }
    >
      <ol className="story card">
        {shown.map((line, at) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: a deadline has no id, and the story's order is its identity.
            key={`${line.eventId ?? line.text} ${at}`}
            className={line.rests ? "story-line story-rests" : "story-line"}
          >
            <div className="story-when">
              <Instant value={line.at} zone={timeZone} />
              <span className="muted">{line.source}</span>
            </div>
            <div className="story-what">
              <p>
                {line.rests && <span className="hidden-text">The exception rests on it: </span>}
                {line.text} {line.conflicting && <Chip tone="warning">In conflict</Chip>}
              </p>
              {line.eventId && (
                <p className="muted story-event">
                  Event <span className="id">{line.eventId}</span>
                  {line.alsoReportedBy.length > 0 && (
                    <>
                      , also reported by <span className="id">{line.alsoReportedBy.join(", ")}</span>
                    </>
                  )}
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </Section>
  );
}
