import { useState } from "react";
import { client } from "../client/client.ts";
import { persisted } from "../client/documents.ts";
import { useStore } from "../client/store.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { SignOutDocument } from "../gql/graphql.ts";
import { ROLE } from "../labels/labels.ts";
import { useViewer } from "./session.tsx";
import { setShortcuts, shortcutsOn, useShortcuts } from "./shortcuts.ts";
import { choose, type Theme, theme } from "./theme.ts";

const THEMES: { value: Theme; text: string }[] = [
  { value: "system", text: "As the system" },
  { value: "light", text: "Light" },
  { value: "dark", text: "Dark" },
];

const KEYS: [string, string][] = [
  ["/", "Search"],
  ["j, k", "Next row, row before"],
  ["Enter", "Open the row"],
  ["x", "Select the row; with Shift, all from the last one"],
  ["a", "Acknowledge the selection, or the row"],
  ["s", "Assign the selection, or the row"],
  ["r", "Load the list again"],
  ["?", "This list"],
];

/** Who is signed in, the settings of this device, and the shortcuts. */
export function PersonMenu() {
  const viewer = useViewer();
  const [open, setOpen] = useState(false);
  useShortcuts({ "?": () => setOpen(true) });
  return (
    <>
      <Button
        tone="quiet"
        icon="person"
        className="person"
        aria-label={`${viewer.name}: account and settings`}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <span className="person-name truncate">{viewer.name}</span>
      </Button>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title="Account and settings"
        actions={
          <Button tone="danger" onClick={() => void signOut()}>
            Sign out
          </Button>
        }
      >
        <Settings />
      </Dialog>
    </>
  );
}

async function signOut(): Promise<void> {
  const { error } = await client.mutation(persisted(SignOutDocument), {}).toPromise();
  if (!error) window.location.assign("/");
}

function Settings() {
  const viewer = useViewer();
  const chosen = useStore(theme);
  const on = useStore(shortcutsOn);
  return (
    <>
      <p>
        <strong>{viewer.name}</strong>, {ROLE[viewer.role].toLowerCase()}
        <span className="muted">
          {" "}
          {viewer.properties
            ? `of ${viewer.properties.length === 1 ? "one property" : `${viewer.properties.length} properties`}`
            : "of all properties"}
        </span>
      </p>
      <fieldset className="choices">
        <legend className="field-label">Colours</legend>
        {THEMES.map(({ value, text }) => (
          <label key={value} className="check">
            <input type="radio" name="theme" checked={chosen === value} onChange={() => choose(value)} />
            {text}
          </label>
        ))}
      </fieldset>
      <label className="check">
        <input type="checkbox" checked={on} onChange={(event) => setShortcuts(event.target.checked)} />
        Shortcuts of one letter
      </label>
      <dl className="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
