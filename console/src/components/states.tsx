import type { CombinedError } from "@urql/core";
import type { ReactNode } from "react";
import { problemOf } from "../client/problems.ts";
import { Button } from "./button.tsx";

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden="true" />
      {label}
    </div>
  );
}

/** There is nothing to show, why that is, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state state-empty">
      <p className="state-title">{title}</p>
      {children && <div className="muted">{children}</div>}
    </div>
  );
}

/** A request failed: what, what to do, and the incident for the operators. */
export function ProblemNotice({ error, retry }: { error: CombinedError; retry?: () => void }) {
  const problem = problemOf(error);
  return (
    <div className="notice notice-danger" role="alert">
      <div>
        <strong>{problem.title}</strong> {problem.advice}
        {problem.incident && <span className="muted"> Incident {problem.incident}.</span>}
      </div>
      {problem.kind === "stale" ? (
        <Button small onClick={() => window.location.reload()}>
          Reload
        </Button>
      ) : (
        retry && (
          <Button small onClick={retry}>
            Try again
          </Button>
        )
      )}
    </div>
  );
}

export function Notice({
  tone = "info",
  children,
  action,
}: {
  tone?: "info" | "warning" | "success" | "danger";
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={`notice notice-${tone}`} role={tone === "danger" ? "alert" : "status"}>
      <div>{children}</div>
      {action}
    </div>
  );
}
