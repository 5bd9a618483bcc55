import { type ReactNode, useEffect, useId, useState } from "react";
import { Button } from "./button.tsx";

/** The filters of a page. They live in the URL, so that the link is the view. */
export function Filters({ children, onClear }: { children: ReactNode; onClear?: () => void }) {
  return (
    <search className="filters">
      {children}
      {onClear && (
        <Button tone="quiet" small icon="close" onClick={onClear}>
          Clear filters
        </Button>
      )}
    </search>
  );
}

/** A filter by an exact text, applied on Enter or when the field is left. */
export function FilterText({
  label,
  value,
  onChange,
  width = 12,
  check,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  /** In characters. */
  width?: number;
  /** What is wrong with a text, or null. */
  check?: (text: string) => string | null;
}) {
  const id = useId();
  const [text, setText] = useState(value ?? "");
  useEffect(() => setText(value ?? ""), [value]);
  const problem = text && check ? check(text) : null;
  const apply = () => {
    const trimmed = text.trim();
    if (!problem && trimmed !== (value ?? "")) onChange(trimmed || undefined);
  };
  return (
    <span className={value ? "filter filter-text filter-active" : "filter filter-text"}>
      <label htmlFor={id} className="filter-label">
        {label}
      </label>
      <input
        id={id}
        value={text}
        size={width}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={problem ? true : undefined}
        title={problem ?? undefined}
        onChange={(event) => setText(event.target.value)}
        onBlur={apply}
        onKeyDown={(event) => {
          if (event.key === "Enter") apply();
          if (event.key === "Escape") setText(value ?? "");
        }}
      />
      {problem && <span className="filter-problem">{problem}</span>}
    </span>
  );
}

/** A filter by a day. */
export function FilterDay({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}) {
  const id = useId();
  return (
    <span className={value ? "filter filter-text filter-active" : "filter filter-text"}>
      <label htmlFor={id} className="filter-label">
        {label}
      </label>
      <input id={id} type="date" value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)} />
    </span>
  );
}
