import { useEffect, useRef } from "react";
import type { SearchKind } from "../gql/enums.ts";
import type { ChangesSubscription, FreshnessPartsFragment } from "../gql/graphql.ts";
import { ChangesDocument } from "../gql/graphql.ts";
import { client } from "./client.ts";
import { persisted } from "./documents.ts";
import { Store } from "./store.ts";

export type Change = ChangesSubscription["changes"];
/** What tabs say to each other. */
interface Message {
  change?: Change;
  state?: "live" | "waiting";
  known?: FreshnessPartsFragment | null;
  hello?: true;
}
type Listener = (change: Change) => void;

/** How the page learns of changes: `live`, or `waiting` while there is no stream. */
export const stream = new Store<"live" | "waiting">("waiting");

/** The freshest that any answer has said. */
export const freshness = new Store<FreshnessPartsFragment | null>(null);

const listeners = new Set<Listener>();
let following = false;
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000];

/** Take in what an answer says of freshness; an older answer does not replace a newer one. */
export function noteFreshness(latest: FreshnessPartsFragment): void {
  const known = freshness.get();
  if (!known || latest.asOf >= known.asOf) freshness.set(latest);
}

/** When something of a kind last changed, on this page's clock; a resync counts for every kind. */
const changedAt = new Map<SearchKind | "all", number>();

/** Whether something of the kind has changed since an instant of `performance.now()`. */
export function changedSince(kind: SearchKind, at: number): boolean {
  return Math.max(changedAt.get(kind) ?? 0, changedAt.get("all") ?? 0) > at;
}

function publish(change: Change): void {
  const now = performance.now();
  if (change.resync) changedAt.set("all", now);
  for (const { kind } of change.items) changedAt.set(kind, now);
  noteFreshness(change.freshness);
  for (const listener of [...listeners]) listener(change);
}

/**
 * Follow the gateway's changes for as long as the page is open; the second call changes nothing.
 *
 * A session has one stream. Tabs share it: the tab that holds the lock reads it and passes it on. After an interruption
 * something may have been missed, so listeners get a `resync`.
 */
export function followChanges(): void {
  if (following) return;
  following = true;
  const channel = new BroadcastChannel("rentmatch-changes");
  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.change) publish(data.change);
    if (data.state) stream.set(data.state);
    if (data.known) noteFreshness(data.known);
    if (data.hello && leading) channel.postMessage({ state: stream.get(), known: freshness.get() });
  };
  const asked = performance.now();
  let leading = false;
  channel.postMessage({ hello: true });
  void navigator.locks.request("rentmatch-changes", async () => {
    leading = true;
    // Another tab had the stream until now, and may have ended in the middle of something.
    let missed = performance.now() - asked > 1_000;
    const announce = (state: "live" | "waiting") => {
      stream.set(state);
      channel.postMessage({ state });
    };
    for (let failures = 0; ; failures++) {
      await new Promise<void>((ended) => {
        client.subscription(persisted(ChangesDocument), {}).subscribe((result) => {
          if (result.data) {
            announce("live");
            failures = 0;
            const change: Change = missed ? { ...result.data.changes, resync: true, items: [] } : result.data.changes;
            missed = false;
            publish(change);
            channel.postMessage({ change });
          }
          if (result.error || !result.hasNext) ended();
        });
      });
      missed = true;
      announce("waiting");
      await new Promise((wake) => setTimeout(wake, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]));
    }
  });
}

/** Call `listener` with each change while the component is mounted. */
export function useChanges(listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const call: Listener = (change) => latest.current(change);
    listeners.add(call);
    return () => {
      listeners.delete(call);
    };
  }, []);
}
