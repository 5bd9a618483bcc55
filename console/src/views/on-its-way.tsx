import { useEffect, useRef } from "react";
import { useStore } from "../client/store.ts";
import { Notice } from "../components/states.tsx";
import { written } from "../pages/exceptions/written.ts";

/** Looked for this often, then ever more rarely: a change may also be announced, but need not be. */
const LOOK_MS = [700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000];

/** What was written about a record and has not come through the pipeline yet. It is looked for until it has. */
export function OnItsWay({ id, look }: { id: string; look: () => void }) {
  const known = useStore(written).get(id);
  const latest = useRef(look);
  latest.current = look;
  const waiting = known !== undefined;
  useEffect(() => {
    if (!waiting) return;
    let timer: number;
    const next = (time: number) => {
      timer = window.setTimeout(
        () => {
          latest.current();
          next(time + 1);
        },
        LOOK_MS[Math.min(time, LOOK_MS.length - 1)],
      );
    };
    next(0);
    return () => window.clearTimeout(timer);
  }, [waiting]);
  if (!known) return null;
  return (
    <Notice>
      <span className="spinner spinner-inline" aria-hidden="true" /> <strong>Written: {known.text}.</strong> Waiting for
      the pipeline to read it. This page shows it as soon as it has.
    </Notice>
  );
}
