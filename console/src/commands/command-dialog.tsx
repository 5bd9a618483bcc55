import { type ReactNode, useId, useState } from "react";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Notice } from "../components/states.tsx";
import type { CommandInput } from "../gql/graphql.ts";
import { type Forecast, type Outcome, type Refusal, useDecide, useForecast } from "./commands.ts";
import { useDraft } from "./drafts.ts";

const NO_REASON_YET = "-";

interface Props {
  title: string;
  /** On the button that writes it. */
  verb: string;
  /** What it is about and does: names what is typed, so that it is there again when the dialog is opened again. */
  draft: string;
  /** The command with this reason; null while the form is not complete. */
  command: (reason: string) => CommandInput | null;
  /** What the page shows of the subject; another number asks for the forecast again. */
  seen: number;
  onClose: () => void;
  onWritten: (written: Extract<Outcome, { is: "written" }>) => void;
  /** Load what the command is about again. */
  onLookAgain: () => void;
  wide?: boolean;
  /** Words on what a good reason has in it. */
  reasonNote?: string;
  children?: ReactNode;
}

/** Asks for a reason, says beforehand what will happen, writes it, and tells what became of it. Nothing typed is lost. */
export function CommandDialog(props: Props) {
  const { title, verb, draft, command, seen, onClose, onWritten, onLookAgain, wide, children } = props;
  const { reasonNote = "Kept with the decision, for whoever looks at it later." } = props;
  const id = useId();
  const [reason, setReason, forget] = useDraft(`${draft} reason`);
  const [refused, setRefused] = useState<Refusal | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [unanswered, setUnanswered] = useState<string | null>(null);
  const { busy, send } = useDecide();
  const asked = command(NO_REASON_YET);
  const { forecast, failed } = useForecast(asked, seen);
  // One that got no answer may have been written, and then the forecast refuses it: it may be sent again all the same.
  const isAgain = unanswered !== null && unanswered === JSON.stringify(command(reason.trim()));
  const ready = asked !== null && reason.trim() !== "" && (forecast?.allowed === true || isAgain) && !busy;

  const lookAgain = () => {
    setRefused(null);
    onLookAgain();
  };
  const submit = async () => {
    const wanted = command(reason.trim());
    if (!wanted || !ready) return;
    setRefused(null);
    setFailure(null);
    const outcome = await send(wanted);
    if (outcome.is === "written") {
      forget();
      onWritten(outcome);
    } else if (outcome.is === "refused") {
      setRefused(outcome.refusal);
    } else {
      setUnanswered(JSON.stringify(wanted));
      setFailure(
        `${outcome.problem.title} ${outcome.problem.advice} It is not known whether it was written: send it again, and it counts once.`,
      );
    }
  };

  return (
    <Dialog
      open
      onClose={busy ? () => undefined : onClose}
      title={title}
      closeLabel="Cancel"
      shape={wide ? "wide" : "dialog"}
      actions={
        <Button tone="primary" disabled={!ready} onClick={() => void submit()}>
          {busy ? "Writing" : verb}
        </Button>
      }
    >
      {refused && <Refused refusal={refused} onLookAgain={lookAgain} />}
      {failure && <Notice tone="danger">{failure}</Notice>}
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {children}
        <div className="field">
          <label htmlFor={id}>Reason</label>
          <textarea
            id={id}
            className="input"
            value={reason}
            maxLength={1000}
            readOnly={busy}
            aria-describedby={`${id}-note`}
            onChange={(event) => setReason(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                void submit();
              }
            }}
          />
          <span className="field-note" id={`${id}-note`}>
            {reasonNote}
          </span>
        </div>
      </form>
      <Beforehand
        complete={asked !== null}
        forecast={forecast}
        failed={failed ? `${failed.title} ${failed.advice}` : null}
        onLookAgain={lookAgain}
      />
    </Dialog>
  );
}

/** What will happen. The place is there before the answer is, so that nothing jumps. */
function Beforehand({
  complete,
  forecast,
  failed,
  onLookAgain,
}: {
  complete: boolean;
  forecast: Forecast | null;
  failed: string | null;
  onLookAgain: () => void;
}) {
  return (
    <section className="beforehand" aria-label="What will happen" aria-live="polite">
      <h3>What will happen</h3>
      {failed ? (
        <p className="field-problem">It cannot be said now. {failed}</p>
      ) : !complete ? (
        <p className="muted">Fill in the form to see it.</p>
      ) : !forecast ? (
        <p className="muted">Looking</p>
      ) : forecast.allowed ? (
        forecast.text.map((sentence) => <p key={sentence}>{sentence}</p>)
      ) : (
        forecast.refusal && <Refused refusal={forecast.refusal} onLookAgain={onLookAgain} />
      )}
    </section>
  );
}

const TITLES: Record<Refusal["kind"], string> = {
  CHANGED: "It has changed:",
  NOT_ALLOWED: "You may not do this:",
  NOT_FOUND: "It is not there:",
  INVALID: "This is not possible:",
  UNAVAILABLE: "It cannot be done now:",
};

function Refused({ refusal, onLookAgain }: { refusal: Refusal; onLookAgain: () => void }) {
  return (
    <Notice
      tone={refusal.kind === "CHANGED" || refusal.kind === "UNAVAILABLE" ? "warning" : "danger"}
      action={
        refusal.kind === "CHANGED" ? (
          <Button small onClick={onLookAgain}>
            Look again
          </Button>
        ) : refusal.kind === "UNAVAILABLE" ? (
          <Button small onClick={onLookAgain}>
            Try again
          </Button>
        ) : undefined
      }
    >
      <strong>{TITLES[refusal.kind]}</strong> {refusal.message}
      {!/[.!?]$/.test(refusal.message) && "."}
      {refusal.kind === "CHANGED" && " What you have typed is kept."}
    </Notice>
  );
}
