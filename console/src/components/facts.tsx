import type { ReactNode } from "react";

/** Names and values of one thing. */
export function Facts({ children, rows }: { children: ReactNode /** One under the other. */; rows?: boolean }) {
  return <dl className={rows ? "fact-rows" : "facts"}>{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
