import type { CombinedError } from "@urql/core";

/** What went wrong with a request, in the words of the page: what happened and what to do next. */
export interface Problem {
  kind: "signed-out" | "refused" | "stale" | "busy" | "unreachable" | "failed";
  title: string;
  advice: string;
  /** What the gateway's operators find in its log. */
  incident?: string;
}

/** Describe an error of urql: by the HTTP status, then by the code of the first GraphQL error. */
export function problemOf(error: CombinedError): Problem {
  const status = (error.response as Response | undefined)?.status;
  const first = error.graphQLErrors[0];
  const code = String(first?.extensions?.code ?? "").toUpperCase();
  const incident = typeof first?.extensions?.incident === "string" ? first.extensions.incident : undefined;
  if (status === 401) {
    return { kind: "signed-out", title: "Your session has ended.", advice: "Sign in again to continue." };
  }
  if (code === "STALE_DOCUMENT") {
    return { kind: "stale", title: "The console was updated.", advice: "Reload the page to use the new version." };
  }
  if (status === 403 || code === "NOT_ALLOWED") {
    return {
      kind: "refused",
      title: "You may not see this.",
      advice: first?.message ?? "Ask an administrator for the role that allows it.",
    };
  }
  if (status === 429 || code === "BUSY") {
    return { kind: "busy", title: "Too many requests at once.", advice: "Wait a moment, then try again." };
  }
  if (code === "UNAVAILABLE" || code === "TIMEOUT" || status === 503) {
    return {
      kind: "busy",
      title: "The answer could not be had.",
      advice: first?.message ?? "Try again in a moment.",
      incident,
    };
  }
  if (error.networkError && status === undefined) {
    return {
      kind: "unreachable",
      title: "The gateway does not answer.",
      advice: "Check the connection. What is on the page is as it was last loaded.",
    };
  }
  return {
    kind: "failed",
    title: "The request failed.",
    advice: first?.message ?? "Try again. If it fails again, give the operators the time and the page.",
    incident,
  };
}
