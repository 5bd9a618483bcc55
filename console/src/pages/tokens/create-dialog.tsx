import { useId, useState } from "react";
import { useMutation } from "urql";
import { persisted } from "../../client/documents.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { useNow } from "../../components/instant.tsx";
import { Notice, ProblemNotice } from "../../components/states.tsx";
import { CreateApiTokenDocument, type Role } from "../../gql/graphql.ts";
import { ROLE } from "../../labels/labels.ts";

const OF_TOKENS = { additionalTypenames: ["ApiToken"] };
const ROLES = Object.entries(ROLE) as [Role, string][];
const DAY_MS = 86_400_000;
const USUAL_DAYS = 90;

/** Create a token, and show its secret once. */
export function CreateDialog({ onClose, onCreated }: { onClose: () => void; onCreated: () => void }) {
  const id = useId();
  const now = useNow();
  const [{ fetching, error, data }, create] = useMutation(persisted(CreateApiTokenDocument));
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("VIEWER");
  const [properties, setProperties] = useState("");
  const [free, setFree] = useState(false);
  const [expires, setExpires] = useState(() => new Date(now + USUAL_DAYS * DAY_MS).toISOString().slice(0, 10));
  const secret = data?.createApiToken.secret;
  const ready = name.trim() !== "" && expires !== "" && !fetching;

  const submit = async () => {
    if (!ready) return;
    const scope = properties.split(/[\s,]+/).filter(Boolean);
    const done = await create(
      {
        name: name.trim(),
        role,
        properties: scope.length > 0 ? scope : null,
        freeQueries: free,
        expiresAt: `${expires}T00:00:00Z`,
      },
      OF_TOKENS,
    );
    if (!done.error) onCreated();
  };

  if (secret) {
    return (
      <Dialog open onClose={onClose} title={`The secret of ${name.trim()}`} closeLabel="I have kept it">
        <Notice tone="warning">
          <strong>It is shown only now.</strong> Put it where the program's secrets are kept. Who has it can do what the
          token may do.
        </Notice>
        <p className="secret id" data-testid="secret">
          {secret}
        </p>
        <div>
          <CopyButton text={secret} label="Copy the secret" />
        </div>
        <p className="muted">
          Programs send it as <code>Authorization: Bearer …</code>
        </p>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="Create an API token"
      closeLabel="Cancel"
      actions={
        <Button tone="primary" disabled={!ready} onClick={() => void submit()}>
          Create
        </Button>
      }
    >
      {error && <ProblemNotice error={error} />}
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <div className="field">
          <label htmlFor={`${id}-name`}>Name</label>
          <input
            id={`${id}-name`}
            className="input"
            value={name}
            maxLength={80}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
          <span className="field-note">The program that uses it, such as "nightly export".</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-role`}>Role</label>
          <select
            id={`${id}-role`}
            className="input"
            value={role}
            onChange={(event) => setRole(event.target.value as Role)}
          >
            {ROLES.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
          <span className="field-note">The least that the program needs. A token never accepts or approves.</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-properties`}>Properties</label>
          <input
            id={`${id}-properties`}
            className="input id"
            value={properties}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setProperties(event.target.value)}
          />
          <span className="field-note">Their ids, separated by commas. Empty: all.</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-expires`}>Expires</label>
          <input
            id={`${id}-expires`}
            className="input"
            type="date"
            value={expires}
            onChange={(event) => setExpires(event.target.value)}
          />
          <span className="field-note">At the beginning of this UTC day.</span>
        </div>
        <label className="check">
          <input type="checkbox" checked={free} onChange={(event) => setFree(event.target.checked)} />
          It may send queries of its own, not only the console's
        </label>
      </form>
    </Dialog>
  );
}
