/** A version of a record in words: what has a value, and the exceptions that were open. */
export interface Described {
  version: string;
  /** When its latest event occurred; null where the record does not say. */
  at: string | null;
  facts: [name: string, value: string][];
  breakIds: readonly string[];
}

export interface Difference {
  name: string;
  /** Null: it was not there. */
  before: string | null;
  /** Null: it is gone. */
  after: string | null;
}

export interface Step {
  version: string;
  at: string | null;
  differences: Difference[];
  opened: string[];
  closed: string[];
  /** The version before is not known: nothing to compare with. */
  first: boolean;
}

/** What each version changed. `versions` are the newest first, without gaps; the oldest is compared with nothing. */
export function steps(versions: readonly Described[], complete: boolean): Step[] {
  return versions.flatMap((version, at) => {
    const before = versions[at + 1];
    if (!before && !complete) return [];
    return [step(before ?? null, version)];
  });
}

function step(before: Described | null, after: Described): Step {
  const known = new Map(before?.facts);
  const differences: Difference[] = [];
  for (const [name, value] of after.facts) {
    const old = known.get(name) ?? null;
    if (old !== value) differences.push({ name, before: old, after: value });
    known.delete(name);
  }
  for (const [name, value] of known) differences.push({ name, before: value, after: null });
  return {
    version: after.version,
    at: after.at,
    differences,
    opened: after.breakIds.filter((id) => !before?.breakIds.includes(id)),
    closed: before?.breakIds.filter((id) => !after.breakIds.includes(id)) ?? [],
    first: before === null,
  };
}
