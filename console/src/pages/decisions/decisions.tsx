import { getRouteApi, Link } from "@tanstack/react-router";
import { type SearchOf, upper } from "../../app/search.ts";
import { useMay } from "../../app/session.tsx";
import { useConnection } from "../../client/connection.ts";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { FilterDay, Filters, FilterText } from "../../components/filters.tsx";
import { Age, Instant } from "../../components/instant.tsx";
import { Money } from "../../components/money.tsx";
import { Page } from "../../components/page.tsx";
import { SelectOne } from "../../components/select.tsx";
import { Empty } from "../../components/states.tsx";
import { Chip, Priority } from "../../components/status.tsx";
import { Tab, Tabs } from "../../components/tabs.tsx";
import { type DecisionFilter, type DecisionRowFragment, DecisionsDocument } from "../../gql/graphql.ts";
import { DECISION_ACTION, KEY_KIND } from "../../labels/labels.ts";
import { Ignored } from "../../views/ignored.tsx";
import { ListRefresh } from "../../views/list-refresh.tsx";
import { ACTIONS, type decisionsSearch } from "./search.ts";

type Search = SearchOf<typeof decisionsSearch>;

const route = getRouteApi("/decisions");
const PAGE = 50;
const ACTION_OPTIONS = ACTIONS.map((value) => ({ value, text: DECISION_ACTION[upper(value)] }));

/** What waits for the viewer's approval, and everything that people have decided. */
export function Decisions() {
  const { ignored, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  const mayApprove = useMay("APPROVE");
  const view = search.view ?? (mayApprove ? "waiting" : "all");
  const { listing, pages } = useConnection({
    document: DecisionsDocument,
    variables: { filter: filterOf(view, search) },
    connection: (data) => data.decisions,
    first: PAGE,
  });
  return (
    <Page title="Decisions" fill actions={<ListRefresh pages={pages} kind="BREAK" />}>
      <Ignored parts={ignored} />
      <Tabs label="Decisions">
        <Tab search={{ view: "waiting" }} active={view === "waiting"}>
          Waiting for me
        </Tab>
        <Tab search={{ view: "all" }} active={view === "all"}>
          All
        </Tab>
      </Tabs>
      {view === "all" && <DecisionFilters search={search} />}
      <DataTable
        label={view === "waiting" ? "Decisions that wait for me" : "Decisions"}
        columns={COLUMNS}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/exceptions/$id", params: { id: row.breakId } })}
        narrow={(row) => <Narrow row={row} />}
        empty={<Nothing view={view} mayApprove={mayApprove} filtered={Object.keys(search).length > 1} />}
      />
    </Page>
  );
}

function Nothing({ view, mayApprove, filtered }: { view: string; mayApprove: boolean; filtered: boolean }) {
  if (view === "waiting") {
    return (
      <Empty title="Nothing waits for you.">
        {mayApprove
          ? "What somebody else accepts and a second person has to approve is listed here."
          : "Your role does not approve: ask an administrator for the role of an approver."}
      </Empty>
    );
  }
  return (
    <Empty title={filtered ? "No decision matches these filters." : "Nobody has decided anything yet."}>
      <Link to="/exceptions">Go to the exceptions</Link>
    </Empty>
  );
}

function filterOf(view: string, search: Search): DecisionFilter {
  if (view === "waiting") return { waitingForMe: true };
  return {
    action: search.action && upper(search.action),
    actor: search.actor,
    key: search.key,
    after: search.from && `${search.from}T00:00:00Z`,
    before: search.to && `${search.to}T00:00:00Z`,
  };
}

function DecisionFilters({ search }: { search: Search }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  const active = (["action", "actor", "key", "from", "to"] as const).filter(
    (name) => search[name] !== undefined,
  ).length;
  return (
    <Filters active={active} onClear={active > 0 ? () => void navigate({ search: { view: "all" } }) : undefined}>
      <SelectOne
        label="Decision"
        options={ACTION_OPTIONS}
        value={search.action}
        onChange={(action) => set({ action })}
      />
      <FilterText label="Who" width={9} value={search.actor} onChange={(actor) => set({ actor })} />
      <FilterText label="Concerns" width={12} value={search.key} onChange={(key) => set({ key })} />
      <FilterDay label="From" value={search.from} onChange={(from) => set({ from })} />
      <FilterDay label="to" value={search.to} onChange={(to) => set({ to })} />
    </Filters>
  );
}

function What({ row }: { row: DecisionRowFragment }) {
  return (
    <>
      {DECISION_ACTION[row.action]}
      {row.action === "ASSIGN" && <span className="muted"> to {row.assignee ?? "nobody"}</span>}
      {row.withdrawn && (
        <>
          {" "}
          <Chip>Withdrawn</Chip>
        </>
      )}
      {row.fits === false && !row.withdrawn && (
        <>
          {" "}
          <Chip tone="warning">No longer fits</Chip>
        </>
      )}
    </>
  );
}

const COLUMNS: Column<DecisionRowFragment>[] = [
  { id: "at", title: "When", width: "152px", cell: (row) => <Instant value={row.at} /> },
  { id: "actor", title: "Who", width: "minmax(56px, 0.5fr)", cell: (row) => row.actor },
  { id: "action", title: "Decision", width: "minmax(92px, 0.8fr)", cell: (row) => <What row={row} /> },
  {
    id: "break",
    title: "Exception",
    width: "minmax(200px, 2fr)",
    cell: (row) => (
      <>
        {row.break && (
          <>
            <Priority value={row.break.priority} />{" "}
          </>
        )}
        <Link to="/exceptions/$id" params={{ id: row.breakId }} className="row-link" tabIndex={-1}>
          {row.break?.title ?? row.breakId.slice(0, 8)}
        </Link>
      </>
    ),
  },
  {
    id: "key",
    title: "Concerns",
    width: "minmax(130px, 1fr)",
    cell: (row) => (
      <>
        <span className="muted">{KEY_KIND[row.keyKind]} </span>
        <span className="id">{row.key}</span>
      </>
    ),
  },
  {
    id: "drift",
    title: "Accepted",
    width: "minmax(116px, 0.7fr)",
    align: "end",
    cell: (row) => <Money value={row.drift} signed missing="" />,
  },
  {
    id: "reason",
    title: "Reason",
    width: "minmax(120px, 1.6fr)",
    cell: (row) => <span title={row.reason}>{row.reason}</span>,
  },
];

function Narrow({ row }: { row: DecisionRowFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="truncate">
          <strong>{row.actor}</strong> <What row={row} />
        </span>
        <Money value={row.drift} signed missing="" />
      </div>
      <div className="table-card-line">
        <Link to="/exceptions/$id" params={{ id: row.breakId }} className="row-link truncate" tabIndex={-1}>
          {row.break?.title ?? row.breakId.slice(0, 8)}
        </Link>
        <span className="muted nowrap">
          <Age since={row.at} /> ago
        </span>
      </div>
      <div className="table-card-line muted">
        <span className="truncate">{row.reason}</span>
      </div>
    </>
  );
}
