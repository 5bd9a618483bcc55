import { useRouter } from "@tanstack/react-router";
import { useId, useState } from "react";
import { useMutation, useQuery } from "urql";
import { useViewer } from "../app/session.tsx";
import { persisted } from "../client/documents.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Loading, ProblemNotice } from "../components/states.tsx";
import {
  DeleteViewDocument,
  type SavedViewPartsFragment,
  SavedViewsDocument,
  SaveViewDocument,
} from "../gql/graphql.ts";

/** The saved views of a page, and saving the present one. A view is the page's address: its filters and its order. */
export function SavedViews({ page }: { page: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon="bookmark" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Views
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Saved views">
        <Views page={page} onChoose={() => setOpen(false)} />
      </Dialog>
    </>
  );
}

/** Asked for when the dialog opens, not before. */
function Views({ page, onChoose }: { page: string; onChoose: () => void }) {
  const router = useRouter();
  const [{ data, error }, ask] = useQuery({ query: persisted(SavedViewsDocument), requestPolicy: "network-only" });
  const again = () => ask({ requestPolicy: "network-only" });
  const views = data?.savedViews.filter((view) => view.path.split("?")[0] === page);
  return (
    <>
      {error && <ProblemNotice error={error} retry={again} />}
      {!data && !error && <Loading />}
      {views?.length === 0 && <p className="muted">No view of this page is saved yet.</p>}
      {views && views.length > 0 && (
        <ul className="rows">
          {views.map((view) => (
            <View
              key={view.id}
              view={view}
              onDeleted={again}
              onOpen={() => {
                router.history.push(view.path);
                onChoose();
              }}
            />
          ))}
        </ul>
      )}
      {data && <SaveForm onSaved={again} />}
    </>
  );
}

function View({
  view,
  onOpen,
  onDeleted,
}: {
  view: SavedViewPartsFragment;
  onOpen: () => void;
  onDeleted: () => void;
}) {
  const viewer = useViewer();
  const [{ fetching, error }, remove] = useMutation(persisted(DeleteViewDocument));
  const submit = async () => {
    const done = await remove({ id: view.id });
    if (!done.error) onDeleted();
  };
  return (
    <li className="rows-row">
      <span className="truncate">
        <a
          href={view.path}
          onClick={(event) => {
            event.preventDefault();
            onOpen();
          }}
        >
          {view.name}
        </a>
        {view.owner !== viewer.name && <span className="muted"> of {view.owner}</span>}
        {view.owner === viewer.name && view.shared && <span className="muted"> shared</span>}
      </span>
      {view.owner === viewer.name && (
        <Button small disabled={fetching} aria-label={`Delete ${view.name}`} onClick={() => void submit()}>
          Delete
        </Button>
      )}
      {error && <ProblemNotice error={error} />}
    </li>
  );
}

function SaveForm({ onSaved }: { onSaved: () => void }) {
  const id = useId();
  const [{ fetching, error }, save] = useMutation(persisted(SaveViewDocument));
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const ready = name.trim() !== "" && !fetching;
  const submit = async () => {
    const path = window.location.pathname + window.location.search;
    const done = await save({ name: name.trim(), path, shared });
    if (done.error) return;
    setName("");
    onSaved();
  };
  return (
    <form
      className="save-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void submit();
      }}
    >
      {error && <ProblemNotice error={error} />}
      <div className="field">
        <label htmlFor={id}>Save this view as</label>
        <input
          id={id}
          className="input"
          value={name}
          maxLength={80}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        <span className="field-note">A view keeps the filters and the order of this page, not its rows.</span>
      </div>
      <div className="page-actions">
        <Button type="submit" tone="primary" disabled={!ready}>
          Save
        </Button>
        <label className="check">
          <input type="checkbox" checked={shared} onChange={(event) => setShared(event.target.checked)} />
          Everybody sees it
        </label>
      </div>
    </form>
  );
}
