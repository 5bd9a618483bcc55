import { useRef, useState } from "react";
import { useViewer } from "../../app/session.tsx";
import { client } from "../../client/client.ts";
import { persisted } from "../../client/documents.ts";
import { problemOf } from "../../client/problems.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Notice } from "../../components/states.tsx";
import { type BreakRowFragment, DecideManyDocument } from "../../gql/graphql.ts";
import { noteWritten } from "./written.ts";

const AT_ONCE = 200;

export type Bulk = "ACKNOWLEDGE" | "ASSIGN";

interface Refused {
  row: BreakRowFragment;
  message: string;
}

/** Acknowledge or assign breaks: one reason for all, and an answer for each. Nothing typed is lost when it fails. */
export function BulkDialog({
  action,
  rows,
  onClose,
  onDone,
}: {
  action: Bulk;
  rows: readonly BreakRowFragment[];
  onClose: () => void;
  /** With the breaks whose decision was written. */
  onDone: (ids: ReadonlySet<string>) => void;
}) {
  const viewer = useViewer();
  const [reason, setReason] = useState("");
  const [assignee, setAssignee] = useState(viewer.name);
  const [until, setUntil] = useState("");
  const [sent, setSent] = useState<number | null>(null);
  const [refused, setRefused] = useState<Refused[]>([]);
  const [done, setDone] = useState<ReadonlySet<string>>(new Set());
  const [failure, setFailure] = useState<string | null>(null);
  // The same request again is answered, not repeated: so a lost answer can be asked for again. What is asked has to be
  // the same then, so another reason is another request.
  const requests = useRef(new Map<string, string>());

  const left = rows.filter((row) => !done.has(row.id) && !refused.some((one) => one.row.id === row.id));
  const count = rows.length.toLocaleString("en-US");
  const noun = rows.length === 1 ? "exception" : "exceptions";
  const busy = sent !== null;

  const submit = async () => {
    setFailure(null);
    const accepted = new Set(done);
    const rejected = [...refused];
    for (let start = 0; start < left.length; start += AT_ONCE) {
      setSent(start);
      const chunk = left.slice(start, start + AT_ONCE);
      const asked = {
        action,
        breakIds: chunk.map((row) => row.id),
        reason: reason.trim(),
        assignee: action === "ASSIGN" ? assignee.trim() || null : null,
        until: action === "ACKNOWLEDGE" && until ? `${until}T00:00:00Z` : null,
      };
      const identity = JSON.stringify(asked);
      const requestId = requests.current.get(identity) ?? crypto.randomUUID();
      requests.current.set(identity, requestId);
      const result = await client.mutation(persisted(DecideManyDocument), { requestId, ...asked }).toPromise();
      if (!result.data) {
        const problem = result.error && problemOf(result.error);
        setFailure(`${problem?.title ?? "There was no answer."} ${problem?.advice ?? ""}`);
        break;
      }
      const byId = new Map(chunk.map((row) => [row.id, row]));
      for (const answer of result.data.decideMany) {
        const row = byId.get(answer.breakId);
        if (!row) continue;
        if (answer.refusal) rejected.push({ row, message: answer.refusal.message });
        else accepted.add(row.id);
      }
      noteWritten(
        chunk.filter((row) => accepted.has(row.id)),
        action === "ACKNOWLEDGE" ? "Acknowledged" : `Assigned to ${asked.assignee ?? "nobody"}`,
      );
      setDone(new Set(accepted));
      setRefused([...rejected]);
    }
    setSent(null);
    if (accepted.size > 0) onDone(accepted);
    if (accepted.size === rows.length) onClose();
  };

  const over = left.length === 0;
  const verb = action === "ACKNOWLEDGE" ? "Acknowledge" : "Assign";
  return (
    <Dialog
      open
      onClose={busy ? () => undefined : onClose}
      title={`${verb} ${count} ${noun}`}
      closeLabel={over ? "Close" : "Cancel"}
      actions={
        !over && (
          <Button tone="primary" disabled={!reason.trim() || busy} onClick={() => void submit()}>
            {busy ? `Writing ${Math.min(sent + AT_ONCE, left.length)} of ${left.length}` : verb}
          </Button>
        )
      }
    >
      {failure && (
        <Notice tone="danger">
          {failure} {done.size > 0 && `${done.size} are written; the rest is not.`}
        </Notice>
      )}
      {refused.length > 0 && (
        <Notice tone="warning">
          <strong>{refused.length} refused.</strong> {done.size > 0 && `${done.size} are written. `}
          <ul className="bulleted">
            {refused.slice(0, 20).map(({ row, message }) => (
              <li key={row.id}>
                {row.title}, <span className="id">{row.key}</span>: {message}
              </li>
            ))}
            {refused.length > 20 && <li>and {refused.length - 20} more</li>}
          </ul>
        </Notice>
      )}
      {!over && (
        <>
          <p>
            {action === "ACKNOWLEDGE"
              ? `You take note of ${rows.length === 1 ? "this exception" : `these ${count} exceptions`} as they are now. They stay open, and count as new again when they change.`
              : `${rows.length === 1 ? "This exception" : `These ${count} exceptions`} will be this person's to work. Assigning closes nothing.`}
          </p>
          {action === "ASSIGN" && (
            <div className="field">
              <label htmlFor="bulk-assignee">To whom</label>
              <input
                id="bulk-assignee"
                className="input"
                value={assignee}
                autoComplete="off"
                disabled={busy}
                onChange={(event) => setAssignee(event.target.value)}
              />
              <span className="field-note">Their name as they sign in. Empty: nobody.</span>
            </div>
          )}
          <div className="field">
            <label htmlFor="bulk-reason">Reason</label>
            <textarea
              id="bulk-reason"
              className="input"
              value={reason}
              maxLength={1000}
              disabled={busy}
              onChange={(event) => setReason(event.target.value)}
            />
            <span className="field-note">Kept with each decision, for whoever looks at it later.</span>
          </div>
          {action === "ACKNOWLEDGE" && (
            <div className="field">
              <label htmlFor="bulk-until">Until</label>
              <input
                id="bulk-until"
                className="input"
                type="date"
                value={until}
                disabled={busy}
                onChange={(event) => setUntil(event.target.value)}
              />
              <span className="field-note">Optional. From this UTC day on they count as new again.</span>
            </div>
          )}
        </>
      )}
    </Dialog>
  );
}
