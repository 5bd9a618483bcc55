import { useId } from "react";
import { useViewer } from "../../app/session.tsx";
import { CommandDialog } from "../../commands/command-dialog.tsx";
import { useDraft } from "../../commands/drafts.ts";
import { amount } from "../../components/money.tsx";
import type { CommandInput } from "../../gql/graphql.ts";
import { noteWritten } from "../exceptions/written.ts";
import type { Exception } from "./exception.tsx";

export type Action = "acknowledge" | "assign" | "comment" | "accept" | "approve" | "withdraw";

const WORDS: Record<Action, { title: string; verb: string; written: string; note?: string }> = {
  acknowledge: { title: "Acknowledge the exception", verb: "Acknowledge", written: "acknowledged" },
  assign: { title: "Assign the exception", verb: "Assign", written: "assigned" },
  comment: { title: "Comment on the exception", verb: "Comment", written: "a comment" },
  accept: {
    title: "Accept the difference",
    verb: "Accept",
    written: "accepted",
    note: "Why it is right to leave it as it is. An auditor reads it.",
  },
  approve: {
    title: "Approve the acceptance",
    verb: "Approve",
    written: "approved",
    note: "Why you agree. An auditor reads it.",
  },
  withdraw: { title: "Withdraw a decision", verb: "Withdraw", written: "a decision withdrawn" },
};

/** One decision about an exception: what it is about, what it needs, and what will happen. */
export function DecisionDialog({
  found,
  action,
  decisionId,
  seen,
  onClose,
  onLookAgain,
}: {
  found: Exception;
  action: Action;
  /** The decision that is approved or withdrawn; none: the only one there is. */
  decisionId?: string;
  seen: number;
  onClose: () => void;
  onLookAgain: () => void;
}) {
  const viewer = useViewer();
  const id = useId();
  const draft = `${found.id} ${action}`;
  const [assignee, setAssignee, forgetAssignee] = useDraft(`${draft} assignee`, viewer.name);
  const [until, setUntil, forgetUntil] = useDraft(`${draft} until`);
  const words = WORDS[action];

  const command = (reason: string): CommandInput | null => {
    const breakId = found.id;
    const evidence = found.evidence ?? "";
    switch (action) {
      case "acknowledge":
        return { acknowledge: { breakId, evidence, until: until ? `${until}T00:00:00Z` : null, reason } };
      case "assign":
        return { assign: { breakId, assignee: assignee.trim() || null, reason } };
      case "comment":
        return { comment: { breakId, reason } };
      case "accept":
        return { accept: { breakId, evidence, reason } };
      case "approve":
        return { approve: { breakId, evidence, decisionId: decisionId ?? null, reason } };
      case "withdraw":
        return { withdraw: { breakId, decisionId: decisionId ?? null, reason } };
    }
  };

  return (
    <CommandDialog
      title={words.title}
      verb={words.verb}
      draft={draft}
      command={command}
      seen={seen}
      reasonNote={words.note}
      onClose={onClose}
      onLookAgain={onLookAgain}
      onWritten={({ decisionId: written }) => {
        forgetAssignee();
        forgetUntil();
        noteWritten(
          [found],
          action === "assign" ? `assigned to ${assignee.trim() || "nobody"}` : words.written,
          written,
        );
        onClose();
        onLookAgain();
      }}
    >
      <p>
        <strong>{found.title}</strong>, <span className="id">{found.key}</span>: expected {amount(found.expected)},
        actual {amount(found.actual)}.
      </p>
      {action === "assign" && (
        <div className="field">
          <label htmlFor={`${id}-assignee`}>To whom</label>
          <input
            id={`${id}-assignee`}
            className="input"
            value={assignee}
            autoComplete="off"
            aria-describedby={`${id}-assignee-note`}
            onChange={(event) => setAssignee(event.target.value)}
          />
          <span className="field-note" id={`${id}-assignee-note`}>
            Their name as they sign in. Empty: nobody.
          </span>
        </div>
      )}
      {action === "acknowledge" && (
        <div className="field">
          <label htmlFor={`${id}-until`}>Until</label>
          <input
            id={`${id}-until`}
            className="input"
            type="date"
            value={until}
            aria-describedby={`${id}-until-note`}
            onChange={(event) => setUntil(event.target.value)}
          />
          <span className="field-note" id={`${id}-until-note`}>
            Optional. From this UTC day on it counts as new again.
          </span>
        </div>
      )}
      {action === "approve" && found.decision && (
        <blockquote className="quote">
          <p>{found.decision.reason}</p>
          <footer className="muted">{found.decision.actor}, who accepted it</footer>
        </blockquote>
      )}
    </CommandDialog>
  );
}
