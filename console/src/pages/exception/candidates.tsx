import { useMay } from "../../app/session.tsx";
import { useRecord } from "../../client/record.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Loading, ProblemNotice } from "../../components/states.tsx";
import { ExceptionProposalsDocument } from "../../gql/graphql.ts";
import { KEY_KIND } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import type { Exception } from "./exception.tsx";

/** What may explain it: for money in suspense what it may be of, else the keys that rentmatch points to. */
export function Candidates({ found, onMatch }: { found: Exception; onMatch: (target: string) => void }) {
  const suspense = found.lifecycle !== "RESOLVED" && (found.keyKind === "REFERENCE" || found.keyKind === "BANK_ENTRY");
  if (suspense) return <Proposals found={found} onMatch={onMatch} />;
  if (found.candidates.length === 0) return null;
  return (
    <Card title="May explain it">
      <ul className="id-lines">
        {found.candidates.map((key) => (
          <li key={key} className="id">
            {key}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Proposals({ found, onMatch }: { found: Exception; onMatch: (target: string) => void }) {
  const may = useMay("MATCH");
  const loaded = useRecord({
    document: ExceptionProposalsDocument,
    variables: { id: found.id },
    concerns: (item) => item.id === found.id,
  });
  const proposals = loaded.data?.break?.proposals;
  return (
    <Card title={found.keyKind === "REFERENCE" ? "Which payment it may be" : "Which payout it may be"}>
      {loaded.error && <ProblemNotice error={loaded.error} retry={loaded.reload} />}
      {!proposals && loaded.loading && <Loading label="Looking for candidates" />}
      {proposals?.length === 0 && (
        <p className="muted">No candidate fits. If you know what it is, match it by its id.</p>
      )}
      {proposals && proposals.length > 0 && (
        <ol className="proposals">
          {proposals.map((one) => (
            <li key={one.key} className="proposal">
              <div className="proposal-head">
                <span>
                  <span className="muted">{KEY_KIND[one.keyKind]} </span>
                  <KeyLink kind={one.keyKind} id={one.key} />
                </span>
                {may && (
                  <Button small onClick={() => onMatch(one.key)} aria-label={`Match to ${one.key}`}>
                    Match
                  </Button>
                )}
              </div>
              <ul className="bulleted">
                {one.reasons.map((reason) => (
                  <li key={reason}>{reason}</li>
                ))}
                {one.doubts.map((doubt) => (
                  <li key={doubt} className="doubt">
                    But: {doubt}
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
