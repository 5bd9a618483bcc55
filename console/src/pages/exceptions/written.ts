import { Store } from "../../client/store.ts";

/** Decisions that the broker has, and that have not come through the pipeline yet: by break, the version seen. */
export const written = new Store<ReadonlyMap<string, { version: string; text: string }>>(new Map());

export function noteWritten(breaks: readonly { id: string; version: string }[], text: string): void {
  const next = new Map(written.get());
  for (const { id, version } of breaks) next.set(id, { version, text });
  written.set(next);
}

/** Forget the breaks whose newer version the page has. */
export function noteSeen(rows: readonly { id: string; version: string }[]): void {
  const before = written.get();
  const seen = rows.filter((row) => {
    const known = before.get(row.id);
    return known !== undefined && BigInt(row.version) > BigInt(known.version);
  });
  if (seen.length === 0) return;
  const next = new Map(before);
  for (const row of seen) next.delete(row.id);
  written.set(next);
}
