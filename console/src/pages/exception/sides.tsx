import { Money } from "../../components/money.tsx";
import { withoutCommands } from "./advice.ts";
import type { Exception, Explanation } from "./exception.tsx";

/** Expected and actual beside each other, and the difference. */
export function Sides({ found, explanation }: { found: Exception; explanation: Explanation | null }) {
  return (
    <section className="sides card" aria-label="Expected and actual">
      <div className="side">
        <h2 className="side-title">Expected</h2>
        <p className="side-amount">
          <Money value={found.expected} />
        </p>
        {explanation && <p>{explanation.expected}</p>}
      </div>
      <div className="side">
        <h2 className="side-title">Actual</h2>
        <p className="side-amount">
          <Money value={found.actual} />
        </p>
        {explanation && <p>{explanation.missing}</p>}
      </div>
      <div className="side side-difference">
        <h2 className="side-title">Difference</h2>
        <p className="side-amount">
          <Money value={found.drift} signed />
        </p>
        {explanation && (
          <p>
            <strong>What to do:</strong> {withoutCommands(explanation.advice)}
          </p>
        )}
      </div>
    </section>
  );
}
