import { useId } from "react";
import { CommandDialog } from "../../commands/command-dialog.tsx";
import { useDraft } from "../../commands/drafts.ts";
import { noteWritten } from "../exceptions/written.ts";
import type { Exception } from "./exception.tsx";

/** Say what money in suspense is of: the payment of a reference, or the payout of a bank entry. */
export function MatchDialog({
  found,
  target,
  seen,
  onClose,
  onLookAgain,
}: {
  found: Exception;
  /** A proposal that was chosen. */
  target?: string;
  seen: number;
  onClose: () => void;
  onLookAgain: () => void;
}) {
  const id = useId();
  const draft = `${found.id} match${target ? ` ${target}` : ""}`;
  const [typed, setTyped, forget] = useDraft(`${draft} target`, target ?? "");
  const isReference = found.keyKind === "REFERENCE";
  const what = isReference ? "payment" : "payout";
  return (
    <CommandDialog
      title={isReference ? "Give the reference to a payment" : "Match the bank entry to a payout"}
      verb="Match"
      draft={draft}
      seen={seen}
      command={(reason) =>
        typed.trim()
          ? { match: { breakId: found.id, target: typed.trim(), evidence: found.evidence ?? "", reason } }
          : null
      }
      reasonNote="How you know. This moves money in the books, and another match can put it right."
      onClose={onClose}
      onLookAgain={onLookAgain}
      onWritten={({ decisionId }) => {
        forget();
        noteWritten([found], `matched to ${typed.trim()}`, decisionId);
        onClose();
        onLookAgain();
      }}
    >
      <div className="field">
        <label htmlFor={`${id}-target`}>{isReference ? "Payment" : "Payout"}</label>
        <input
          id={`${id}-target`}
          className="input id"
          value={typed}
          autoComplete="off"
          spellCheck={false}
          aria-describedby={`${id}-note`}
          onChange={(event) => setTyped(event.target.value)}
        />
        <span className="field-note" id={`${id}-note`}>
          {isReference
            ? "The id of the payment that the money is of."
            : "The payout as processor/payout id, as its page has it."}{" "}
          The forecast below says whether the {what} is known.
        </span>
      </div>
    </CommandDialog>
  );
}
