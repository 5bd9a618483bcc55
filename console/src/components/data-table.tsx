import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import {
  type CSSProperties,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from "react";
import { useShortcuts } from "../app/shortcuts.ts";
import { useNarrow } from "../app/width.ts";
import type { Listing, Pages } from "../client/connection.ts";
import { Icon } from "./icon.tsx";
import { Loading, ProblemNotice } from "./states.tsx";

export interface Column<Row> {
  id: string;
  title: string;
  /** A track of the grid, such as `120px` or `minmax(160px, 1fr)`. */
  width: string;
  align?: "end";
  cell: (row: Row) => ReactNode;
  /** Where the gateway can order by it: how it is ordered now, and what a click on the heading does. */
  sort?: { order?: "ascending" | "descending"; onClick: () => void };
}

export interface Selection {
  ids: ReadonlySet<string>;
  onChange: (ids: ReadonlySet<string>) => void;
}

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  listing: Listing<Row>;
  pages: Pages<Row>;
  rowId: (row: Row) => string;
  /** A row on a narrow screen, in two lines. */
  narrow: (row: Row) => ReactNode;
  onOpen?: (row: Row) => void;
  selection?: Selection;
  /** The words for a row's checkbox. */
  selectLabel?: (row: Row) => string;
  /** Instead of rows, when there are none. */
  empty: ReactNode;
}

const ROW_PX = 37;
const NARROW_ROW_PX = 76;
const AHEAD_ROWS = 60;

/**
 * A list of any length: only the rows in view are in the document, and pages are fetched while the reader scrolls.
 *
 * j and k (or the arrow keys) move, Enter opens, x selects.
 */
export function DataTable<Row>(props: Props<Row>) {
  const { label, columns, listing, pages, rowId, narrow, onOpen, selection, selectLabel, empty } = props;
  const { rows, count, hasMore, loading, ready, error } = listing;
  const isNarrow = useNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const base = useId();
  const [active, setActive] = useState(() => rows.findIndex((row) => rowId(row) === pages.activeId));
  const anchor = useRef<number | null>(null);
  const index = Math.min(active, rows.length - 1);

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isNarrow ? NARROW_ROW_PX : ROW_PX),
    overscan: 12,
    scrollPaddingStart: isNarrow ? 0 : ROW_PX,
    initialOffset: pages.scrollTop,
    // The active row stays in the document, so that assistive technology can name it.
    rangeExtractor: (range) => {
      const shown = defaultRangeExtractor(range);
      return index >= 0 && !shown.includes(index) ? [...shown, index].sort((a, b) => a - b) : shown;
    },
  });
  const items = virtual.getVirtualItems();
  const last = virtual.range?.endIndex ?? 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the row height depends on the width alone.
  useEffect(() => virtual.measure(), [isNarrow]);
  useEffect(() => {
    if (ready && hasMore && last >= rows.length - AHEAD_ROWS) void pages.more();
  }, [ready, hasMore, last, rows.length, pages]);

  const go = (next: number) => {
    const target = Math.max(0, Math.min(next, rows.length - 1));
    const row = rows[target];
    if (!row) return;
    setActive(target);
    pages.activeId = rowId(row);
    virtual.scrollToIndex(target, { align: "auto" });
    scroller.current?.focus({ preventScroll: true });
  };
  const toggle = (at: number, range: boolean) => {
    if (!selection) return;
    const ids = new Set(selection.ids);
    const row = rows[at];
    if (!row) return;
    if (range && anchor.current !== null) {
      const [from, to] = [Math.min(anchor.current, at), Math.max(anchor.current, at)];
      for (const one of rows.slice(from, to + 1)) ids.add(rowId(one));
    } else if (!ids.delete(rowId(row))) {
      ids.add(rowId(row));
    }
    anchor.current = at;
    selection.onChange(ids);
  };
  const open = () => {
    const row = rows[index];
    if (row) onOpen?.(row);
  };

  useShortcuts({
    j: () => go(index + 1),
    k: () => go(index - 1),
    ...(selection && { x: (event: globalThis.KeyboardEvent) => toggle(index, event.shiftKey) }),
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current) return;
    const step = Math.max(
      1,
      Math.floor((scroller.current?.clientHeight ?? 0) / (isNarrow ? NARROW_ROW_PX : ROW_PX)) - 2,
    );
    const moves: Record<string, () => void> = {
      arrowdown: () => go(index + 1),
      arrowup: () => go(index - 1),
      home: () => go(0),
      end: () => go(rows.length - 1),
      pagedown: () => go(index + step),
      pageup: () => go(index - step),
      enter: open,
      " ": () => toggle(index, event.shiftKey),
    };
    const move = moves[event.key.toLowerCase()];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  };

  const template = useMemo(
    () => [selection && "24px", ...columns.map((column) => column.width)].filter(Boolean).join(" "),
    [selection, columns],
  );
  const exact = count && !count.atLeast ? count.value : null;
  const all = rows.length > 0 && rows.every((row) => selection?.ids.has(rowId(row)));

  return (
    <div className="table-frame">
      {error && <ProblemNotice error={error} retry={() => void pages.retry()} />}
      <div
        ref={scroller}
        className={isNarrow ? "table table-narrow" : "table"}
        role="grid"
        aria-label={label}
        aria-rowcount={exact === null ? (hasMore ? -1 : rows.length + 1) : exact + 1}
        aria-colcount={columns.length + (selection ? 1 : 0)}
        aria-multiselectable={selection ? true : undefined}
        aria-busy={loading}
        aria-activedescendant={index >= 0 && rows.length > 0 ? `${base}-${index}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={(event) => {
          pages.scrollTop = event.currentTarget.scrollTop;
        }}
        style={{ "--columns": template } as CSSProperties}
      >
        <div className="table-head" role="rowgroup">
          <div className="table-row" role="row" aria-rowindex={1} tabIndex={-1}>
            {selection && (
              <div className="table-cell table-check" role="columnheader" tabIndex={-1}>
                <input
                  type="checkbox"
                  aria-label="Select all rows that are loaded"
                  checked={all}
                  ref={(box) => {
                    if (box) box.indeterminate = !all && selection.ids.size > 0;
                  }}
                  onChange={() => selection.onChange(all ? new Set() : new Set(rows.map(rowId)))}
                />
              </div>
            )}
            {columns.map((column) => (
              <div
                key={column.id}
                className={column.align === "end" ? "table-cell number" : "table-cell"}
                role="columnheader"
                tabIndex={-1}
                aria-sort={column.sort?.order}
              >
                {column.sort ? (
                  <button type="button" className="table-sort" onClick={column.sort.onClick}>
                    {column.title}
                    {column.sort.order && (
                      <span className={`table-arrow table-arrow-${column.sort.order}`}>
                        <Icon name="down" size={11} />
                      </span>
                    )}
                  </button>
                ) : (
                  column.title
                )}
              </div>
            ))}
          </div>
        </div>
        <div className="table-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const id = rowId(row);
            const selected = selection?.ids.has(id) ?? false;
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and takes the keys for its rows.
              <div
                key={id}
                id={`${base}-${item.index}`}
                role="row"
                tabIndex={-1}
                aria-rowindex={item.index + 2}
                aria-selected={selection ? selected : undefined}
                data-active={item.index === index || undefined}
                data-selected={selected || undefined}
                className={onOpen ? "table-row table-row-open" : "table-row"}
                style={{ transform: `translateY(${item.start}px)`, height: item.size }}
                onClick={(event) => {
                  if (event.defaultPrevented || (event.target as HTMLElement).closest("a, button, input")) return;
                  if (window.getSelection()?.toString()) return;
                  if (event.shiftKey) return toggle(item.index, true);
                  setActive(item.index);
                  pages.activeId = id;
                  onOpen?.(row);
                }}
              >
                {selection && (
                  <div className="table-cell table-check" role="gridcell" tabIndex={-1}>
                    <input
                      type="checkbox"
                      tabIndex={-1}
                      aria-label={`Select ${selectLabel?.(row) ?? id}`}
                      checked={selected}
                      onChange={(event) => toggle(item.index, (event.nativeEvent as MouseEvent).shiftKey)}
                    />
                  </div>
                )}
                {isNarrow ? (
                  <div className="table-cell table-card" role="gridcell" tabIndex={-1}>
                    {narrow(row)}
                  </div>
                ) : (
                  columns.map((column, at) => (
                    <div
                      key={column.id}
                      className={column.align === "end" ? "table-cell number" : "table-cell"}
                      role={at === 0 ? "rowheader" : "gridcell"}
                      tabIndex={-1}
                    >
                      {column.cell(row)}
                    </div>
                  ))
                )}
              </div>
            );
          })}
        </div>
        {rows.length === 0 && ready && !loading && !error && (
          // A row: a grid without any is none, and on a narrow screen it has no headings either.
          <div className="table-empty" role="rowgroup">
            <div role="row" tabIndex={-1}>
              <div role="gridcell" tabIndex={-1}>
                {empty}
              </div>
            </div>
          </div>
        )}
        {loading && rows.length === 0 && <Loading />}
        {loading && rows.length > 0 && hasMore && <p className="table-more muted">Loading more</p>}
      </div>
    </div>
  );
}
