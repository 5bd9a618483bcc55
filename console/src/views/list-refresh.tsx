import { useState } from "react";
import { useShortcuts } from "../app/shortcuts.ts";
import { changedSince, useChanges } from "../client/changes.ts";
import type { Pages } from "../client/connection.ts";
import { Button } from "../components/button.tsx";
import type { SearchKind } from "../gql/enums.ts";

/** Loads a list again; says so when something of its kind has changed since it was loaded. */
export function ListRefresh({ pages, kind }: { pages: Pick<Pages<unknown>, "reload" | "loadedAt">; kind: SearchKind }) {
  const [changed, setChanged] = useState(() => pages.loadedAt > 0 && changedSince(kind, pages.loadedAt));
  useChanges((change) => {
    if (change.resync || change.items.some((item) => item.kind === kind)) setChanged(true);
  });
  const reload = () => {
    setChanged(false);
    void pages.reload();
  };
  useShortcuts({ r: reload });
  return (
    <Button
      icon="refresh"
      tone={changed ? "primary" : "plain"}
      onClick={reload}
      aria-label={changed ? "The list has changed: load it again" : "Load the list again"}
    >
      {changed && "Changed"}
    </Button>
  );
}
