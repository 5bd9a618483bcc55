import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SearchOf } from "../../app/search.ts";
import { useConnection } from "../../client/connection.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Fact, Facts } from "../../components/facts.tsx";
import { FilterDay, Filters, FilterText } from "../../components/filters.tsx";
import { Age, Instant } from "../../components/instant.tsx";
import { Page } from "../../components/page.tsx";
import { SelectOne } from "../../components/select.tsx";
import { Empty } from "../../components/states.tsx";
import { Chip } from "../../components/status.tsx";
import { type AuditFilter, AuditLogDocument, type AuditRowFragment } from "../../gql/graphql.ts";
import { Ignored } from "../../views/ignored.tsx";
import type { auditSearch } from "./search.ts";

type Search = SearchOf<typeof auditSearch>;

const route = getRouteApi("/audit");
const PAGE = 100;
const REFUSED = [{ value: "yes", text: "Refusals only" }] as const;

/** Who did what, and what was refused. */
export function Audit() {
  const { ignored, ...search } = route.useSearch();
  const { listing, pages } = useConnection({
    document: AuditLogDocument,
    variables: { filter: filterOf(search) },
    connection: (data) => data.auditLog,
    first: PAGE,
  });
  const [shown, setShown] = useState<AuditRowFragment | null>(null);
  const filtered = Object.keys(search).length > 0;
  return (
    <Page
      title="Audit log"
      fill
      summary="The newest first. Each entry has the hash of the one before, so that none can be taken out unseen."
      actions={<Button icon="refresh" aria-label="Load the list again" onClick={() => void pages.reload()} />}
    >
      <Ignored parts={ignored} />
      <AuditFilters search={search} />
      <DataTable
        label="Audit log"
        columns={COLUMNS}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        onOpen={setShown}
        narrow={(row) => <Narrow row={row} />}
        empty={
          <Empty title={filtered ? "No entry matches these filters." : "The log is empty."}>
            {filtered && <Link to="/audit">Show all entries</Link>}
          </Empty>
        }
      />
      {shown && <Entry entry={shown} onClose={() => setShown(null)} />}
    </Page>
  );
}

function filterOf(search: Search): AuditFilter {
  return {
    actor: search.actor,
    action: search.action,
    refusedOnly: search.refused === "yes",
    after: search.from && `${search.from}T00:00:00Z`,
    before: search.to && `${search.to}T00:00:00Z`,
  };
}

function AuditFilters({ search }: { search: Search }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  const active = Object.keys(search).length;
  return (
    <Filters active={active} onClear={active > 0 ? () => void navigate({ search: {} }) : undefined}>
      <FilterText label="Who" width={9} value={search.actor} onChange={(actor) => set({ actor })} />
      <FilterText label="Action" width={14} value={search.action} onChange={(action) => set({ action })} />
      <SelectOne label="Outcome" options={REFUSED} value={search.refused} onChange={(refused) => set({ refused })} />
      <FilterDay label="From" value={search.from} onChange={(from) => set({ from })} />
      <FilterDay label="to" value={search.to} onChange={(to) => set({ to })} />
    </Filters>
  );
}

function Outcome({ outcome }: { outcome: string }) {
  const [word = "", kind] = outcome.split(".");
  const text = word.charAt(0).toUpperCase() + word.slice(1);
  const more = kind ? `: ${kind.replaceAll("_", " ")}` : "";
  return (
    <Chip tone={word === "done" ? "success" : "warning"}>
      {text}
      {more}
    </Chip>
  );
}

const COLUMNS: Column<AuditRowFragment>[] = [
  { id: "at", title: "When", width: "152px", cell: (row) => <Instant value={row.at} /> },
  { id: "actor", title: "Who", width: "minmax(80px, 0.7fr)", cell: (row) => row.actor },
  {
    id: "action",
    title: "Action",
    width: "minmax(130px, 1fr)",
    cell: (row) => <span className="id">{row.action}</span>,
  },
  { id: "outcome", title: "Outcome", width: "minmax(110px, 0.9fr)", cell: (row) => <Outcome outcome={row.outcome} /> },
  {
    id: "about",
    title: "About",
    width: "minmax(140px, 1.4fr)",
    cell: (row) => (
      <span className="id" title={row.about}>
        {row.about || "\u2013"}
      </span>
    ),
  },
  { id: "reason", title: "Reason", width: "minmax(160px, 2fr)", cell: (row) => row.reason },
];

function Narrow({ row }: { row: AuditRowFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="truncate">
          <strong>{row.actor}</strong> <span className="id">{row.action}</span>
        </span>
        <Outcome outcome={row.outcome} />
      </div>
      <div className="table-card-line muted">
        <span className="truncate">{row.reason ?? row.about}</span>
        <span className="nowrap">
          <Age since={row.at} /> ago
        </span>
      </div>
    </>
  );
}

function Entry({ entry, onClose }: { entry: AuditRowFragment; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Entry of the audit log" shape="wide">
      <Facts rows>
        <Fact name="When">
          <time dateTime={entry.at}>{entry.at}</time>
        </Fact>
        <Fact name="Who">{entry.actor}</Fact>
        <Fact name="Action">
          <span className="id">{entry.action}</span>
        </Fact>
        <Fact name="Outcome">
          <Outcome outcome={entry.outcome} />
        </Fact>
        <Fact name="About">
          <span className="id break-all">{entry.about.replaceAll(",", ", ") || "\u2013"}</span>
        </Fact>
        <Fact name="Reason">{entry.reason ?? "\u2013"}</Fact>
        <Fact name="Hash">
          <span className="id break-all">{entry.hash}</span>
        </Fact>
      </Facts>
      <div>
        <CopyButton text={JSON.stringify(entry, null, 2)} label="Copy the entry" />
      </div>
    </Dialog>
  );
}
