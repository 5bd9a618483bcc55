import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { given, upper } from "../../app/search.ts";
import { useMay } from "../../app/session.tsx";
import { useShortcuts } from "../../app/shortcuts.ts";
import { changedSince, useChanges } from "../../client/changes.ts";
import { useConnection } from "../../client/connection.ts";
import { useStore } from "../../client/store.ts";
import { Button } from "../../components/button.tsx";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { Age, Due, useNow } from "../../components/instant.tsx";
import { Money } from "../../components/money.tsx";
import { Page } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { Chip, Priority, Status } from "../../components/status.tsx";
import { type BreakRowFragment, ExceptionsCountDocument, ExceptionsDocument } from "../../gql/graphql.ts";
import { DECISION_STATE, KEY_KIND, type Label } from "../../labels/labels.ts";
import { Count } from "../../views/count.tsx";
import { ExportButton } from "../../views/export-button.tsx";
import { Ignored } from "../../views/ignored.tsx";
import { KeyLink } from "../../views/key-link.tsx";
import { SavedViews } from "../../views/saved-views.tsx";
import { type Bulk, BulkDialog } from "./bulk-dialog.tsx";
import { breakFilter, type ExceptionsSearch } from "./filter.ts";
import { ExceptionFilters } from "./filters.tsx";
import { noteSeen, written } from "./written.ts";

const route = getRouteApi("/exceptions");
const PAGE = 100;
const SETTLE_MS = 3_000;
const NONE: ReadonlySet<string> = new Set();

/** The queue of exceptions. */
export function Exceptions() {
  const { ignored, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  const order = search.order ?? "pressing";
  const now = useNow();
  const filterKey = JSON.stringify({ ...search, order: undefined });
  // Ages are counted back from when the list was asked for: a list that slides while it is read would jump.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the search, and `now` is taken once.
  const filter = useMemo(() => breakFilter(search, Math.floor(now / 60_000) * 60_000), [filterKey]);
  const { listing, pages } = useConnection({
    document: ExceptionsDocument,
    variables: { filter, order: upper(order) },
    connection: (data) => data.breaks,
    first: PAGE,
    count: { document: ExceptionsCountDocument, variables: { filter }, of: (data) => data.breaks.count },
  });

  const [selected, setSelected] = useState(NONE);
  const [bulk, setBulk] = useState<{ action: Bulk; rows: BreakRowFragment[] } | null>(null);
  const mayAcknowledge = useMay("ACKNOWLEDGE");
  const mayAssign = useMay("ASSIGN");
  const onWay = useStore(written);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another list, another selection.
  useEffect(() => setSelected(NONE), [filterKey]);
  useEffect(() => noteSeen(listing.rows), [listing.rows]);

  const changed = useListChanges({
    quiet: selected.size === 0 && bulk === null && pages.scrollTop < 40,
    reload: pages.reload,
    loadedAt: pages.loadedAt,
  });
  const reload = () => {
    changed.clear();
    void pages.reload();
  };

  const begin = (action: Bulk) => {
    const active = listing.rows.filter((row) => row.id === pages.activeId);
    const rows = selected.size > 0 ? listing.rows.filter((row) => selected.has(row.id)) : active;
    const open = rows.filter((row) => row.lifecycle !== "RESOLVED" && row.lifecycle !== "ACCEPTED");
    if (open.length > 0) setBulk({ action, rows: open });
  };
  useShortcuts({
    r: reload,
    ...(mayAcknowledge && { a: () => begin("ACKNOWLEDGE") }),
    ...(mayAssign && { s: () => begin("ASSIGN") }),
  });

  const columns = useMemo(
    () => columnsOf(order, (next) => void navigate({ search: (before) => ({ ...before, order: next }) }), onWay),
    [order, navigate, onWay],
  );
  const filtered = given(search).some((name) => name !== "order");

  return (
    <Page
      title="Exceptions"
      fill
      summary={
        <span aria-live="polite">
          <Count count={listing.count} one="exception" many="exceptions" />
        </span>
      }
      actions={
        <>
          <SavedViews page="/exceptions" />
          <ExportButton list="breaks" filter={filter} order={upper(order)} selected={selected} />
          <Button icon="refresh" tone="plain" onClick={reload} aria-label="Load the list again" title="r" />
        </>
      }
    >
      <Ignored parts={ignored} />
      <ExceptionFilters search={search} filtered={filtered} />
      {changed.count > 0 && (
        <div className="list-strip" role="status">
          {changed.count === Number.POSITIVE_INFINITY
            ? "The list has changed since it was loaded."
            : `${changed.count} ${changed.count === 1 ? "exception has" : "exceptions have"} changed since the list was loaded.`}
          <Button small tone="quiet" icon="refresh" onClick={reload}>
            Load again
          </Button>
        </div>
      )}
      <DataTable
        label="Exceptions"
        columns={columns}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        selectLabel={(row) => `${row.title}, ${row.key}`}
        selection={mayAcknowledge || mayAssign ? { ids: selected, onChange: setSelected } : undefined}
        onOpen={(row) => void navigate({ to: "/exceptions/$id", params: { id: row.id } })}
        narrow={(row) => <Narrow row={row} onWay={onWay.get(row.id)?.text} />}
        empty={
          <Empty title={filtered ? "No exception matches these filters." : "No exception is open."}>
            {filtered ? (
              <Link to="/exceptions">Show all open exceptions</Link>
            ) : (
              "Money, processors and ledger agree, as far as the inputs have been read."
            )}
          </Empty>
        }
      />
      {selected.size > 0 && (
        <div className="selection-bar" role="toolbar" aria-label="Selected exceptions">
          <span>{selected.size.toLocaleString("en-US")} selected</span>
          {mayAcknowledge && (
            <Button tone="primary" small onClick={() => begin("ACKNOWLEDGE")}>
              Acknowledge <span className="key-hint">a</span>
            </Button>
          )}
          {mayAssign && (
            <Button small onClick={() => begin("ASSIGN")}>
              Assign <span className="key-hint">s</span>
            </Button>
          )}
          <Button small tone="quiet" onClick={() => setSelected(NONE)}>
            Clear selection
          </Button>
        </div>
      )}
      {bulk && (
        <BulkDialog
          action={bulk.action}
          rows={bulk.rows}
          onClose={() => setBulk(null)}
          onDone={(ids) => setSelected(new Set([...selected].filter((id) => !ids.has(id))))}
        />
      )}
    </Page>
  );
}

/** Changes since the list was loaded. While the reader is at the top and has nothing in hand, the list follows. */
function useListChanges({
  quiet,
  reload,
  loadedAt,
}: {
  quiet: boolean;
  reload: () => Promise<void>;
  loadedAt: number;
}) {
  // The list may be one that was left: what changed meanwhile is not in it.
  const [ids, setIds] = useState<ReadonlySet<string> | "unknown">(() =>
    loadedAt > 0 && changedSince("BREAK", loadedAt) ? "unknown" : NONE,
  );
  const outdated = useRef(ids === "unknown" && quiet);
  const timer = useRef<number | undefined>(undefined);
  const latest = useRef({ quiet, reload });
  latest.current = { quiet, reload };
  useEffect(() => {
    if (outdated.current) {
      outdated.current = false;
      setIds(NONE);
      void latest.current.reload();
    }
    return () => window.clearTimeout(timer.current);
  }, []);
  useChanges((change) => {
    const touched = change.items.filter((item) => item.kind === "BREAK").map((item) => item.id);
    if (!change.resync && touched.length === 0) return;
    setIds((before) => (change.resync || before === "unknown" ? "unknown" : new Set([...before, ...touched])));
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      if (!latest.current.quiet) return;
      setIds(NONE);
      void latest.current.reload();
    }, SETTLE_MS);
  });
  const count = ids === "unknown" ? Number.POSITIVE_INFINITY : ids.size;
  return { count: quiet ? 0 : count, clear: () => setIds(NONE) };
}

type Order = NonNullable<ExceptionsSearch["order"]>;
type OnWay = ReadonlyMap<string, { text: string }>;

function columnsOf(order: Order, choose: (order: Order) => void, onWay: OnWay): Column<BreakRowFragment>[] {
  const sort = (mine: Order, direction: "ascending" | "descending") => ({
    order: order === mine ? direction : undefined,
    onClick: () => choose(mine),
  });
  return [
    {
      id: "title",
      title: "Exception",
      width: "minmax(204px, 3fr)",
      cell: (row) => (
        <Link to="/exceptions/$id" params={{ id: row.id }} className="row-link" tabIndex={-1}>
          {row.title}
        </Link>
      ),
    },
    {
      id: "priority",
      title: "Priority",
      width: "62px",
      sort: sort("pressing", "ascending"),
      cell: (row) => <Priority value={row.priority} />,
    },
    {
      id: "key",
      title: "Concerns",
      width: "minmax(132px, 1.4fr)",
      cell: (row) => (
        <>
          <span className="hidden-text">{KEY_KIND[row.keyKind]} </span>
          <KeyLink kind={row.keyKind} id={row.key} inGrid />
        </>
      ),
    },
    {
      id: "property",
      title: "Property",
      width: "minmax(72px, 0.6fr)",
      cell: (row) =>
        row.properties.length > 0 ? (
          <span className="id" title={row.properties.join(", ")}>
            {row.properties[0]}
            {row.properties.length > 1 && <span className="muted"> +{row.properties.length - 1}</span>}
          </span>
        ) : (
          <span className="muted">{"\u2013"}</span>
        ),
    },
    {
      id: "drift",
      title: "Difference",
      width: "minmax(112px, 0.8fr)",
      align: "end",
      sort: sort("amount", "descending"),
      cell: (row) => <Money value={row.drift} signed />,
    },
    {
      id: "age",
      title: "Age",
      width: "62px",
      align: "end",
      sort: {
        order: order === "oldest" ? "descending" : order === "newest" ? "ascending" : undefined,
        onClick: () => choose(order === "oldest" ? "newest" : "oldest"),
      },
      cell: (row) => <Age since={row.openedAt} />,
    },
    {
      id: "due",
      title: "Deadline",
      width: "70px",
      sort: sort("due", "ascending"),
      cell: (row) => <Due at={row.dueAt} />,
    },
    {
      id: "decision",
      title: "Decision",
      width: "minmax(148px, 1fr)",
      cell: (row) => <Decision row={row} onWay={onWay.get(row.id)?.text} />,
    },
  ];
}

/** Shorter than elsewhere: a column has little room. */
const SECOND: Label = { text: "Needs approval", tone: "warning" };

function Decision({ row, onWay }: { row: BreakRowFragment; onWay?: string }) {
  if (onWay) return <Chip tone="info">{onWay}, not seen yet</Chip>;
  if (row.lifecycle === "RESOLVED") return <Chip tone="success">Resolved</Chip>;
  if (!row.decision) return <span className="muted">None</span>;
  const { state, assignee } = row.decision;
  return (
    <>
      <Status label={state === "ACCEPT_REQUESTED" ? SECOND : DECISION_STATE[state]} />
      {assignee && <span className="muted"> {assignee}</span>}
    </>
  );
}

function Narrow({ row, onWay }: { row: BreakRowFragment; onWay?: string }) {
  return (
    <>
      <div className="table-card-line">
        <Link to="/exceptions/$id" params={{ id: row.id }} className="row-link truncate" tabIndex={-1}>
          {row.title}
        </Link>
        <Money value={row.drift} signed />
      </div>
      <div className="table-card-line muted">
        <span className="truncate">
          <Priority value={row.priority} /> <span className="id">{row.key}</span>
        </span>
        <span className="nowrap">
          <Age since={row.openedAt} /> old
        </span>
      </div>
      {(onWay || row.decision) && (
        <div className="table-card-line">
          <Decision row={row} onWay={onWay} />
        </div>
      )}
    </>
  );
}
