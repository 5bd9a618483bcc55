import { useMay, useViewer } from "../../app/session.tsx";
import { useShortcuts } from "../../app/shortcuts.ts";
import { Button } from "../../components/button.tsx";
import type { Doing, Exception } from "./exception.tsx";

/** What the viewer may do about the exception as it is: what is urged first. */
export function ActionBar({ found, onChoose }: { found: Exception; onChoose: (doing: Doing) => void }) {
  const viewer = useViewer();
  const may = {
    acknowledge: useMay("ACKNOWLEDGE"),
    assign: useMay("ASSIGN"),
    comment: useMay("COMMENT"),
    accept: useMay("ACCEPT"),
    approve: useMay("APPROVE"),
    match: useMay("MATCH"),
  };
  const open = found.lifecycle !== "RESOLVED";
  const state = found.decision?.state;
  const requested = state === "ACCEPT_REQUESTED";
  const own = requested && found.decision?.actor === viewer.name;
  const undecided = open && state !== "ACCEPTED";
  const matchable = open && may.match && (found.keyKind === "REFERENCE" || found.keyKind === "BANK_ENTRY");
  const offers = {
    approve: undecided && requested && !own && may.approve,
    accept: undecided && !requested && may.accept,
    acknowledge: undecided && may.acknowledge,
    assign: undecided && may.assign,
    comment: may.comment,
  };
  useShortcuts({
    ...(offers.acknowledge && { a: () => onChoose({ action: "acknowledge" }) }),
    ...(offers.assign && { s: () => onChoose({ action: "assign" }) }),
  });
  if (!Object.values(offers).some(Boolean) && !matchable) return null;
  return (
    <>
      {matchable && (
        <Button tone="primary" onClick={() => onChoose({ action: "match" })}>
          Match
        </Button>
      )}
      {offers.approve && (
        <Button tone="primary" onClick={() => onChoose({ action: "approve" })}>
          Approve
        </Button>
      )}
      {offers.acknowledge && <Button onClick={() => onChoose({ action: "acknowledge" })}>Acknowledge</Button>}
      {offers.assign && <Button onClick={() => onChoose({ action: "assign" })}>Assign</Button>}
      {offers.accept && <Button onClick={() => onChoose({ action: "accept" })}>Accept</Button>}
      {offers.comment && <Button onClick={() => onChoose({ action: "comment" })}>Comment</Button>}
    </>
  );
}
