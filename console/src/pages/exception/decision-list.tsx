import { useMay } from "../../app/session.tsx";
import type { Loaded } from "../../client/record.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Instant } from "../../components/instant.tsx";
import { Money } from "../../components/money.tsx";
import { ProblemNotice } from "../../components/states.tsx";
import { Chip } from "../../components/status.tsx";
import type { ExceptionDecisionsQuery } from "../../gql/graphql.ts";
import type { Exception, MadeDecision } from "./exception.tsx";

const VERBS: Record<MadeDecision["action"], string> = {
  ACKNOWLEDGE: "acknowledged it",
  ASSIGN: "assigned it",
  COMMENT: "commented",
  ACCEPT: "accepted it",
  APPROVE: "approved it",
  WITHDRAW: "withdrew a decision",
  UNKNOWN: "decided something that this console does not know",
};

/** What people have decided: the state that holds, and every decision with who and when. */
export function DecisionList({
  found,
  loaded,
  onWithdraw,
}: {
  found: Exception;
  loaded: Loaded<ExceptionDecisionsQuery>;
  /** None: the only one there is. */
  onWithdraw: (decisionId?: string) => void;
}) {
  const may = useMay("WITHDRAW");
  const decisions = loaded.data?.break?.decisions ?? [];
  return (
    <Card title="Decisions">
      <Holds found={found} />
      {found.decision && may && decisions.length === 0 && (
        <div>
          <Button small onClick={() => onWithdraw(undefined)}>
            Withdraw the decision
          </Button>
        </div>
      )}
      {loaded.error && <ProblemNotice error={loaded.error} retry={loaded.reload} />}
      {decisions.length > 0 && (
        <ol className="decisions">
          {decisions.map((one) => (
            <li key={one.id} className={one.withdrawn ? "decision decision-withdrawn" : "decision"}>
              <div className="decision-head">
                <span>
                  <strong>{one.actor}</strong> {one.action === "ASSIGN" ? assigned(one) : VERBS[one.action]}
                  {one.until && (
                    <>
                      {" until "}
                      <Instant value={one.until} />
                    </>
                  )}
                  {one.drift && (
                    <>
                      {", "}
                      <Money value={one.drift} signed />
                    </>
                  )}
                </span>
                {one.withdrawn && <Chip>Withdrawn</Chip>}
                {one.fits === false && !one.withdrawn && <Chip tone="warning">No longer fits</Chip>}
              </div>
              <p className="decision-reason">{one.reason}</p>
              <div className="decision-foot muted">
                <Instant value={one.at} />
                {may && !one.withdrawn && one.action !== "COMMENT" && (
                  <Button
                    small
                    tone="quiet"
                    onClick={() => onWithdraw(one.id)}
                    aria-label={`Withdraw what ${one.actor} decided`}
                  >
                    Withdraw
                  </Button>
                )}
              </div>
            </li>
          ))}
        </ol>
      )}
      {loaded.data && decisions.length === 0 && !loaded.error && (
        <p className="muted">Nobody has decided anything about it yet.</p>
      )}
    </Card>
  );
}

function assigned(one: MadeDecision): string {
  return one.assignee ? `assigned it to ${one.assignee}` : "assigned it to nobody";
}

function Holds({ found }: { found: Exception }) {
  const held = found.decision;
  if (!held) return null;
  if (held.state === "ACCEPT_REQUESTED") {
    return (
      <p className="holds holds-warning">
        <strong>{held.actor}</strong> accepted it. It stays open until a second person approves it.
      </p>
    );
  }
  if (held.state === "ACCEPTED") {
    return (
      <p className="holds holds-success">
        Accepted by <strong>{held.actor}</strong>
        {held.approvedBy && (
          <>
            , approved by <strong>{held.approvedBy}</strong>
          </>
        )}
        . It opens again when its class, its difference or its evidence changes.
      </p>
    );
  }
  if (held.state === "ASSIGNED" && held.assignee) {
    return (
      <p className="holds">
        Assigned to <strong>{held.assignee}</strong>.
      </p>
    );
  }
  if (held.state === "ACKNOWLEDGED") {
    return (
      <p className="holds">
        Acknowledged by <strong>{held.actor}</strong>
        {held.until && (
          <>
            {" until "}
            <Instant value={held.until} />
          </>
        )}
        .
      </p>
    );
  }
  return null;
}
