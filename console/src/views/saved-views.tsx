import { useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { useMutation, useQuery } from "urql";
import { useViewer } from "../app/session.tsx";
import { persisted } from "../client/documents.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Menu, MenuItem, MenuLabel, MenuLine } from "../components/menu.tsx";
import { ProblemNotice } from "../components/states.tsx";
import { DeleteViewDocument, SavedViewsDocument, SaveViewDocument } from "../gql/graphql.ts";

const OF_VIEWS = { additionalTypenames: ["SavedView"] };

/** The saved views of a page, and "save this view". A view is the page's address: its filters and its order. */
export function SavedViews({ page }: { page: string }) {
  const [saving, setSaving] = useState(false);
  const [managing, setManaging] = useState(false);
  return (
    <>
      <Menu
        end
        trigger={
          <Button icon="bookmark" tone="plain">
            Views
          </Button>
        }
      >
        <Items page={page} onSave={() => setSaving(true)} onManage={() => setManaging(true)} />
      </Menu>
      {saving && <SaveDialog onClose={() => setSaving(false)} />}
      {managing && <ManageDialog page={page} onClose={() => setManaging(false)} />}
    </>
  );
}

function useViews(page: string) {
  const [result] = useQuery({ query: persisted(SavedViewsDocument), context: OF_VIEWS });
  const views = (result.data?.savedViews ?? []).filter((view) => view.path.split("?")[0] === page);
  return { ...result, views };
}

/** Asked for when the menu opens, not before. */
function Items({ page, onSave, onManage }: { page: string; onSave: () => void; onManage: () => void }) {
  const router = useRouter();
  const { views, data, error } = useViews(page);
  return (
    <>
      <MenuLabel>
        {error
          ? "The saved views could not be loaded."
          : data
            ? views.length > 0
              ? "Saved views"
              : "No view of this page is saved yet."
            : "Loading"}
      </MenuLabel>
      {views.map((view) => (
        <MenuItem key={view.id} onClick={() => router.history.push(view.path)}>
          {view.name}
          {view.shared && <span className="muted"> of {view.owner}</span>}
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem onClick={onSave}>Save this view</MenuItem>
      {views.length > 0 && <MenuItem onClick={onManage}>Delete a view</MenuItem>}
    </>
  );
}

function SaveDialog({ onClose }: { onClose: () => void }) {
  const [{ fetching, error }, save] = useMutation(persisted(SaveViewDocument));
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const submit = async () => {
    const path = window.location.pathname + window.location.search;
    const done = await save({ name: name.trim(), path, shared }, OF_VIEWS);
    if (!done.error) onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Save this view"
      closeLabel="Cancel"
      actions={
        <Button tone="primary" disabled={!name.trim() || fetching} onClick={() => void submit()}>
          Save
        </Button>
      }
    >
      {error && <ProblemNotice error={error} />}
      <form
        className="field"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() && !fetching) void submit();
        }}
      >
        <label htmlFor="view-name">Name</label>
        <input
          id="view-name"
          className="input"
          value={name}
          maxLength={80}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        <span className="field-note">The view keeps the filters and the order of this page, not its rows.</span>
      </form>
      <label className="check">
        <input type="checkbox" checked={shared} onChange={(event) => setShared(event.target.checked)} />
        Everybody sees it
      </label>
    </Dialog>
  );
}

function ManageDialog({ page, onClose }: { page: string; onClose: () => void }) {
  const viewer = useViewer();
  const { views } = useViews(page);
  const [{ fetching, error }, remove] = useMutation(persisted(DeleteViewDocument));
  const own = views.filter((view) => view.owner === viewer.name);
  return (
    <Dialog open onClose={onClose} title="Delete a view">
      {error && <ProblemNotice error={error} />}
      {own.length === 0 && <p>None of these views is yours. Only its owner can delete a view.</p>}
      <ul className="rows">
        {own.map((view) => (
          <li key={view.id} className="rows-row">
            <span>
              {view.name}
              {view.shared && <span className="muted">, shared</span>}
            </span>
            <Button
              small
              disabled={fetching}
              aria-label={`Delete ${view.name}`}
              onClick={() => void remove({ id: view.id }, OF_VIEWS)}
            >
              Delete
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
