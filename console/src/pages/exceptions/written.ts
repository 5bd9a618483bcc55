import { Store } from "../../client/store.ts";

interface Written {
  /** The version that the person saw. */
  version: string;
  /** What was decided, in a word or two. */
  text: string;
  decisionId?: string;
}

/** Decisions that the broker has, and that have not come through the pipeline yet: by break, or by payment. */
export const written = new Store<ReadonlyMap<string, Written>>(new Map());

export function noteWritten(
  records: readonly { id: string; version: string }[],
  text: string,
  decisionId?: string,
): void {
  const next = new Map(written.get());
  for (const { id, version } of records) next.set(id, { version, text, decisionId });
  written.set(next);
}

/** Forget those whose newer version, or whose decision, the page has. */
export function noteSeen(
  records: readonly { id: string; version: string }[],
  decisionIds: ReadonlySet<string> = new Set(),
): void {
  const before = written.get();
  const seen = records.filter(({ id, version }) => {
    const known = before.get(id);
    if (known === undefined) return false;
    return BigInt(version) > BigInt(known.version) || (known.decisionId && decisionIds.has(known.decisionId));
  });
  if (seen.length === 0) return;
  const next = new Map(before);
  for (const { id } of seen) next.delete(id);
  written.set(next);
}
