import type { CombinedError, TypedDocumentNode } from "@urql/core";
import { useCallback, useEffect, useRef } from "react";
import { useQuery } from "urql";
import { useShortcuts } from "../app/shortcuts.ts";
import { type Change, useChanges } from "./changes.ts";
import { persisted } from "./documents.ts";

/** The gateway collects changes each second; several of one event come close together. */
const SETTLE_MS = 400;

export interface Loaded<Data> {
  data: Data | undefined;
  error: CombinedError | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * What a page shows of one record. It is asked for again when `concerns` says so of a change, and when changes may have
 * been missed; what is there stays until the answer has come.
 */
export function useRecord<Data, Variables extends Record<string, unknown>>({
  document,
  variables,
  concerns,
  pause = false,
}: {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
  concerns: (item: Change["items"][number]) => boolean;
  pause?: boolean;
}): Loaded<Data> {
  const [result, execute] = useQuery({ query: persisted(document), variables, pause });
  const reload = useCallback(() => execute({ requestPolicy: "network-only" }), [execute]);
  // A failed reload takes nothing from the page, nor from the dialog that is open on it.
  const known = useRef<Data | undefined>(undefined);
  if (result.data) known.current = result.data;
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  useChanges((change) => {
    if (pause || !(change.resync || change.items.some(concerns))) return;
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(reload, SETTLE_MS);
  });
  return { data: result.data ?? known.current, error: result.error, loading: result.fetching, reload };
}

/** `r` loads the page again. */
export function useReloadKey(reload: () => void): void {
  useShortcuts({ r: reload });
}
