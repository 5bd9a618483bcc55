import { useId } from "react";
import { CommandDialog } from "../../commands/command-dialog.tsx";
import { useDraft } from "../../commands/drafts.ts";
import { Button } from "../../components/button.tsx";
import { amount, digits, minorOf } from "../../components/money.tsx";
import type { MoveTarget } from "../../gql/graphql.ts";
import { noteWritten } from "../exceptions/written.ts";
import type { Payment } from "./payment.tsx";

interface Row {
  obligation: string;
  installment: string;
  /** As it is typed; empty: the rest. */
  amount: string;
}

const EMPTY: Row = { obligation: "", installment: "", amount: "" };

/** Give the payment's money to other obligations. */
export function MoveDialog({
  payment,
  seen,
  onClose,
  onLookAgain,
}: {
  payment: Payment;
  seen: number;
  onClose: () => void;
  onLookAgain: () => void;
}) {
  const id = useId();
  const draft = `${payment.id} move`;
  const [typed, setTyped, forget] = useDraft(`${draft} rows`, JSON.stringify([EMPTY]));
  const rows: Row[] = JSON.parse(typed);
  const decimals = payment.posted.decimals;
  const known = (payment.initiated?.amount ?? payment.settled.standing).minor;
  const change = (at: number, patch: Partial<Row>) =>
    setTyped(JSON.stringify(rows.map((row, index) => (index === at ? { ...row, ...patch } : row))));
  const problems = rows.map((row) =>
    row.amount.trim() && minorOf(row.amount, decimals) === null
      ? `An amount with at most ${decimals} decimals, such as ${digits("12345", decimals)}`
      : null,
  );
  const rests = rows.filter((row) => !row.amount.trim()).length;
  const complete = rows.every((row) => row.obligation.trim()) && problems.every((one) => one === null) && rests <= 1;

  return (
    <CommandDialog
      title="Move the payment's money"
      verb="Move"
      draft={draft}
      wide
      seen={seen}
      command={(reason) =>
        complete
          ? {
              move: {
                paymentId: payment.id,
                version: payment.version,
                to: rows.map((row) => target(row, decimals)),
                reason,
              },
            }
          : null
      }
      reasonNote="How you know. The latest move holds, so another one can put it right."
      onClose={onClose}
      onLookAgain={onLookAgain}
      onWritten={({ decisionId }) => {
        forget();
        noteWritten([payment], "the money moved", decisionId);
        onClose();
        onLookAgain();
      }}
    >
      <p>
        All of the payment, {amount({ ...payment.posted, minor: known })}, goes to the obligations below. Without an
        amount an obligation gets what the others leave.
      </p>
      {rows.map((row, at) => (
        <fieldset
          // biome-ignore lint/suspicious/noArrayIndexKey: a row has no identity but its place.
          key={at}
          className="move-row"
        >
          <legend className="hidden-text">Obligation {at + 1}</legend>
          <div className="field move-obligation">
            <label htmlFor={`${id}-${at}-obligation`}>Obligation</label>
            <input
              id={`${id}-${at}-obligation`}
              className="input id"
              value={row.obligation}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => change(at, { obligation: event.target.value })}
            />
          </div>
          <div className="field">
            <label htmlFor={`${id}-${at}-installment`}>Installment</label>
            <input
              id={`${id}-${at}-installment`}
              className="input id"
              value={row.installment}
              placeholder="Any"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => change(at, { installment: event.target.value })}
            />
          </div>
          <div className="field">
            <label htmlFor={`${id}-${at}-amount`}>Amount in {payment.currency}</label>
            <input
              id={`${id}-${at}-amount`}
              className="input number"
              value={row.amount}
              placeholder="The rest"
              autoComplete="off"
              inputMode="decimal"
              aria-invalid={problems[at] ? true : undefined}
              aria-describedby={problems[at] ? `${id}-${at}-problem` : undefined}
              onChange={(event) => change(at, { amount: event.target.value })}
            />
            {problems[at] && (
              <span className="field-problem" id={`${id}-${at}-problem`}>
                {problems[at]}
              </span>
            )}
          </div>
          {rows.length > 1 && (
            <Button
              tone="quiet"
              icon="close"
              aria-label={`Remove obligation ${at + 1}`}
              onClick={() => setTyped(JSON.stringify(rows.filter((_, index) => index !== at)))}
            />
          )}
        </fieldset>
      ))}
      {rests > 1 && <p className="field-problem">Only one obligation can get the rest: give the others an amount.</p>}
      <div>
        <Button small onClick={() => setTyped(JSON.stringify([...rows, EMPTY]))}>
          Another obligation
        </Button>
      </div>
    </CommandDialog>
  );
}

function target(row: Row, decimals: number): MoveTarget {
  return {
    obligationId: row.obligation.trim(),
    installmentId: row.installment.trim() || null,
    amount: row.amount.trim() ? minorOf(row.amount, decimals) : null,
  };
}
