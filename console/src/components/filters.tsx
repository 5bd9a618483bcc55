import { type ReactNode, useEffect, useId, useState } from "react";
import { currency } from "../app/search.ts";
import { useNarrow } from "../app/width.ts";
import { Button } from "./button.tsx";
import { digits, minorOf } from "./money.tsx";

/**
 * The filters of a page. They live in the URL, so that the link is the view.
 *
 * @param more - filters that are rarely needed, shown on request, or while one of them is set
 * @param active - how many filters are set
 */
export function Filters({
  children,
  more,
  moreActive = false,
  active = 0,
  onClear,
}: {
  children: ReactNode;
  more?: ReactNode;
  moreActive?: boolean;
  active?: number;
  onClear?: () => void;
}) {
  const narrow = useNarrow();
  const [open, setOpen] = useState(false);
  const [all, setAll] = useState(false);
  if (narrow && !open) {
    return (
      <search className="filters">
        <Button small icon="filter" aria-expanded={false} onClick={() => setOpen(true)}>
          {active > 0 ? `Filters: ${active} set` : "Filters"}
        </Button>
        {active > 0 && onClear && (
          <Button tone="quiet" small icon="close" onClick={onClear}>
            Clear filters
          </Button>
        )}
      </search>
    );
  }
  return (
    <search className="filters">
      {narrow && (
        <Button small icon="filter" aria-expanded onClick={() => setOpen(false)}>
          Hide filters
        </Button>
      )}
      {children}
      {more && (all || moreActive || narrow) && more}
      {more && !moreActive && !narrow && (
        <Button tone="quiet" small icon="filter" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Fewer filters" : "More filters"}
        </Button>
      )}
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
  /** Of the field, in characters. */
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
        style={{ width: `${width}ch` }}
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

/** The decimals of a currency (ISO 4217). */
export function decimalsOf(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/** A filter by an amount of one currency; the URL has its minor units. */
export function FilterAmount({
  label,
  currency,
  value,
  onChange,
}: {
  label: string;
  currency: string;
  value: string | undefined;
  onChange: (minor: string | undefined) => void;
}) {
  const decimals = decimalsOf(currency);
  return (
    <FilterText
      label={`${label} ${currency}`}
      width={9}
      value={value && digits(value, decimals)}
      check={(text) => (minorOf(text, decimals) === null ? `An amount with at most ${decimals} decimals` : null)}
      onChange={(text) => onChange((text && minorOf(text, decimals)) ?? undefined)}
    />
  );
}

/** A filter by a currency. */
export function FilterCurrency({
  value,
  onChange,
}: {
  value: string | undefined;
  onChange: (currency: string | undefined) => void;
}) {
  return (
    <FilterText
      label="Currency"
      width={4}
      value={value}
      check={(text) => (currency.read(text) ? null : "Three letters, such as USD")}
      onChange={(text) => onChange(text?.toUpperCase())}
    />
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
