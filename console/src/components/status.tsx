import type { ReactNode } from "react";
import type { Label, Tone } from "../labels/labels.ts";

/** A value of a closed set, in words; the colour only repeats them. */
export function Status({ label }: { label: Label }) {
  return <Chip tone={label.tone}>{label.text}</Chip>;
}

export function Chip({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`chip chip-${tone}`}>{children}</span>;
}

/** How pressing a break is: 1 is money at risk, 2 a difference of amounts, 3 something missing or misplaced. */
export function Priority({ value }: { value: number }) {
  return (
    <span className={`priority priority-${value}`}>
      <span className="hidden-text">Priority </span>P{value}
    </span>
  );
}
