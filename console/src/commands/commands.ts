import { useEffect, useRef, useState } from "react";
import { client } from "../client/client.ts";
import { persisted } from "../client/documents.ts";
import { type Problem, problemOf } from "../client/problems.ts";
import {
  type CommandInput,
  DecideDocument,
  ForecastDocument,
  type ForecastQuery,
  type RefusalKind,
} from "../gql/graphql.ts";

const TYPING_MS = 250;

export type Forecast = ForecastQuery["forecast"];

export interface Refusal {
  kind: RefusalKind;
  message: string;
}

/** What became of a command. */
export type Outcome =
  | { is: "written"; decisionId: string; text: string[] }
  | { is: "refused"; refusal: Refusal }
  | { is: "unanswered"; problem: Problem };

/**
 * What would become of a command, asked again whenever it changes. Nothing is written.
 *
 * @param command - null while the form is not complete
 * @param epoch - another number asks again
 */
export function useForecast(
  command: CommandInput | null,
  epoch: number,
): { forecast: Forecast | null; failed: Problem | null } {
  const [forecast, setForecast] = useState<Forecast | null>(null);
  const [failed, setFailed] = useState<Problem | null>(null);
  const key = command && JSON.stringify(command);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `epoch` stands for what the forecast is about.
  useEffect(() => {
    setForecast(null);
    setFailed(null);
    if (!key) return;
    let wanted = true;
    const timer = window.setTimeout(async () => {
      const { data, error } = await client
        .query(
          persisted(ForecastDocument),
          { command: JSON.parse(key) as CommandInput },
          { requestPolicy: "network-only" },
        )
        .toPromise();
      if (!wanted) return;
      if (data) setForecast(data.forecast);
      else if (error) setFailed(problemOf(error));
    }, TYPING_MS);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [key, epoch]);
  return { forecast, failed };
}

/**
 * Writes commands. A command that got no answer may be sent again: it has the same id then, so it counts once. Another
 * command has another id.
 */
export function useDecide(): { busy: boolean; send: (command: CommandInput) => Promise<Outcome> } {
  const [busy, setBusy] = useState(false);
  const ids = useRef(new Map<string, string>());
  const send = async (command: CommandInput): Promise<Outcome> => {
    const key = JSON.stringify(command);
    const requestId = ids.current.get(key) ?? crypto.randomUUID();
    ids.current.set(key, requestId);
    setBusy(true);
    try {
      const { data, error } = await client.mutation(persisted(DecideDocument), { requestId, command }).toPromise();
      if (data?.decide.__typename === "Written") {
        return { is: "written", decisionId: data.decide.decisionId, text: data.decide.text };
      }
      if (data?.decide.__typename === "Refusal") {
        // A refusal is final for this id; the same words later are another attempt.
        if (data.decide.kind !== "UNAVAILABLE") ids.current.delete(key);
        return { is: "refused", refusal: data.decide };
      }
      if (error) return { is: "unanswered", problem: problemOf(error) };
      throw new Error("The gateway answered neither data nor an error.");
    } finally {
      setBusy(false);
    }
  };
  return { busy, send };
}
