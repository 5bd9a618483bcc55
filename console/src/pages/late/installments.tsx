import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { type SearchOf, upper } from "../../app/search.ts";
import { useConnection } from "../../client/connection.ts";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { FilterCurrency, Filters, FilterText } from "../../components/filters.tsx";
import { Money } from "../../components/money.tsx";
import { SelectOne } from "../../components/select.tsx";
import { Empty } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { LateInstallmentsCountDocument, LateInstallmentsDocument, type LateRowFragment } from "../../gql/graphql.ts";
import { LATE_LIFECYCLE, LATE_STAGE } from "../../labels/labels.ts";
import { Count } from "../../views/count.tsx";
import { ExportButton } from "../../views/export-button.tsx";
import { KeyLink } from "../../views/key-link.tsx";
import { ListRefresh } from "../../views/list-refresh.tsx";
import { type lateSearch, STAGES } from "./search.ts";

type Search = SearchOf<typeof lateSearch>;

const route = getRouteApi("/late");
const PAGE = 100;
const STAGE_OPTIONS = STAGES.map((value) => ({ value, text: LATE_STAGE[upper(value)].text }));
const LIVE_OPTIONS = [
  { value: "yes", text: "Late now" },
  { value: "no", text: "Late now or once" },
] as const;

/** Installments past their due day. */
export function Installments({ search }: { search: Search }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  const filter = {
    live: search.live !== "no",
    stage: search.stage && upper(search.stage),
    property: search.property,
    tenant: search.tenant,
    currency: search.currency,
  };
  const { listing, pages } = useConnection({
    document: LateInstallmentsDocument,
    variables: { filter },
    connection: (data) => data.lateInstallments,
    first: PAGE,
    count: {
      document: LateInstallmentsCountDocument,
      variables: { filter },
      of: (data) => data.lateInstallments.count,
    },
  });
  const columns = useMemo(columnsOf, []);
  const active = [search.live, search.stage, search.property, search.tenant, search.currency].filter(Boolean).length;
  const clear = { live: undefined, stage: undefined, property: undefined, tenant: undefined, currency: undefined };
  return (
    <>
      <div className="filter-row">
        <Filters active={active} onClear={active > 0 ? () => set(clear) : undefined}>
          <SelectOne label="Stage" options={STAGE_OPTIONS} value={search.stage} onChange={(stage) => set({ stage })} />
          <SelectOne
            label="Show"
            any={null}
            options={LIVE_OPTIONS}
            value={search.live ?? "yes"}
            onChange={(live) => set({ live: live === "no" ? "no" : undefined })}
          />
          <FilterText label="Property" width={9} value={search.property} onChange={(property) => set({ property })} />
          <FilterText label="Tenant" width={9} value={search.tenant} onChange={(tenant) => set({ tenant })} />
          <FilterCurrency value={search.currency} onChange={(currency) => set({ currency })} />
          <span className="muted" aria-live="polite">
            <Count count={listing.count} one="installment" many="installments" />
          </span>
        </Filters>
        <div className="page-actions">
          <ExportButton list="late" filter={filter} />
          <ListRefresh pages={pages} kind="OBLIGATION" />
        </div>
      </div>
      <DataTable
        label="Late installments"
        columns={columns}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/obligations/$id", params: { id: row.obligationId } })}
        narrow={(row) => <Narrow row={row} />}
        empty={
          <Empty title={active > 0 ? "No late installment matches these filters." : "Nothing is late."}>
            {active > 0 && (
              <Link to="/late" search={{ view: "installments" }}>
                Show all late installments
              </Link>
            )}
          </Empty>
        }
      />
    </>
  );
}

/** Many ledgers begin the id of an installment with that of its obligation, which stands beside it. */
function Installment({ row }: { row: LateRowFragment }) {
  const rest = row.installmentId.startsWith(row.obligationId)
    ? row.installmentId.slice(row.obligationId.length).replace(/^[^\p{L}\p{N}]+/u, "")
    : row.installmentId;
  return (
    <span className="id muted" title={row.installmentId}>
      {rest || row.installmentId}
    </span>
  );
}

function Stage({ row }: { row: LateRowFragment }) {
  const over = row.lifecycle === "CURED" || row.lifecycle === "CANCELLED";
  return <Status label={over ? LATE_LIFECYCLE[row.lifecycle] : LATE_STAGE[row.stage]} />;
}

function columnsOf(): Column<LateRowFragment>[] {
  return [
    {
      id: "tenant",
      title: "Tenant",
      width: "minmax(84px, 1fr)",
      cell: (row) => (
        <Link to="/tenants/$id" params={{ id: row.tenantId }} className="id" tabIndex={-1}>
          {row.tenantId}
        </Link>
      ),
    },
    {
      id: "property",
      title: "Property",
      width: "minmax(76px, 0.8fr)",
      cell: (row) => (
        <Link to="/properties/$id" params={{ id: row.propertyId }} className="id" tabIndex={-1}>
          {row.propertyId}
        </Link>
      ),
    },
    {
      id: "obligation",
      title: "Obligation",
      width: "minmax(130px, 1.5fr)",
      cell: (row) => <KeyLink kind="OBLIGATION" id={row.obligationId} inGrid />,
    },
    {
      id: "installment",
      title: "Installment",
      width: "minmax(70px, 0.7fr)",
      cell: (row) => <Installment row={row} />,
    },
    { id: "due", title: "Due day", width: "82px", cell: (row) => <span className="nowrap">{row.dueDate}</span> },
    { id: "stage", title: "Stage", width: "minmax(128px, 1fr)", cell: (row) => <Stage row={row} /> },
    {
      id: "amount",
      title: "Due",
      width: "minmax(92px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.due} />,
    },
    {
      id: "paid",
      title: "Paid",
      width: "minmax(92px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.paid} />,
    },
    {
      id: "pending",
      title: "Pending",
      width: "minmax(84px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.pending} />,
    },
    {
      id: "outstanding",
      title: "Outstanding",
      width: "minmax(92px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.outstanding} />,
    },
  ];
}

function Narrow({ row }: { row: LateRowFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="truncate">
          <KeyLink kind="OBLIGATION" id={row.obligationId} inGrid /> <Installment row={row} />
        </span>
        <Money value={row.outstanding} />
      </div>
      <div className="table-card-line">
        <Stage row={row} />
        <span className="muted nowrap">due {row.dueDate}</span>
      </div>
    </>
  );
}
