import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { SearchOf } from "../../app/search.ts";
import { useConnection } from "../../client/connection.ts";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { FilterCurrency, Filters, FilterText } from "../../components/filters.tsx";
import { Money } from "../../components/money.tsx";
import { Empty } from "../../components/states.tsx";
import type { AgeingBucket } from "../../gql/enums.ts";
import { AgeingDocument, type AgeingPartsFragment } from "../../gql/graphql.ts";
import { AGEING_BUCKET } from "../../labels/labels.ts";
import { ExportButton } from "../../views/export-button.tsx";
import { ListRefresh } from "../../views/list-refresh.tsx";
import type { lateSearch } from "./search.ts";

type Search = SearchOf<typeof lateSearch>;

const route = getRouteApi("/late");
const PAGE = 50;
const BUCKETS: AgeingBucket[] = ["CURRENT", "DAYS_1_30", "DAYS_31_60", "DAYS_61_90", "DAYS_OVER_90"];

/** One row a property and currency. */
export function Properties({ search }: { search: Search }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  const filter = { property: search.property, currency: search.currency };
  const { listing, pages } = useConnection({
    document: AgeingDocument,
    variables: { filter },
    connection: (data) => data.ageing,
    first: PAGE,
  });
  const columns = useMemo(columnsOf, []);
  const filtered = search.property !== undefined || search.currency !== undefined;
  return (
    <>
      <div className="filter-row">
        <Filters
          active={[search.property, search.currency].filter(Boolean).length}
          onClear={filtered ? () => set({ property: undefined, currency: undefined }) : undefined}
        >
          <FilterText label="Property" width={12} value={search.property} onChange={(property) => set({ property })} />
          <FilterCurrency value={search.currency} onChange={(currency) => set({ currency })} />
        </Filters>
        <div className="page-actions">
          <ExportButton list="obligations" filter={filter} />
          <ListRefresh pages={pages} kind="OBLIGATION" />
        </div>
      </div>
      <DataTable
        label="Outstanding by property and age"
        columns={columns}
        listing={listing}
        pages={pages}
        rowId={(row) => `${row.propertyId} ${row.currency}`}
        onOpen={(row) => void navigate({ to: "/properties/$id", params: { id: row.propertyId } })}
        narrow={(row) => <Narrow row={row} />}
        empty={
          <Empty title={filtered ? "No property matches these filters." : "No property has an open obligation."}>
            {filtered && <Link to="/late">Show all properties</Link>}
          </Empty>
        }
      />
    </>
  );
}

function PropertyLink({ row }: { row: AgeingPartsFragment }) {
  return (
    <Link to="/properties/$id" params={{ id: row.propertyId }} className="id" tabIndex={-1}>
      {row.propertyId}
    </Link>
  );
}

function LateLink({ row }: { row: AgeingPartsFragment }) {
  if (row.lateInstallments === 0) return <span className="muted">0</span>;
  return (
    <Link
      to="/late"
      search={{ view: "installments", property: row.propertyId, currency: row.currency }}
      tabIndex={-1}
      aria-label={`${row.lateInstallments} late installments of ${row.propertyId}`}
    >
      {row.lateInstallments.toLocaleString("en-US")}
    </Link>
  );
}

function columnsOf(): Column<AgeingPartsFragment>[] {
  return [
    { id: "property", title: "Property", width: "minmax(90px, 1.1fr)", cell: (row) => <PropertyLink row={row} /> },
    { id: "currency", title: "Currency", width: "62px", cell: (row) => row.currency },
    ...BUCKETS.map(
      (bucket): Column<AgeingPartsFragment> => ({
        id: bucket,
        title: AGEING_BUCKET[bucket],
        width: "minmax(88px, 1fr)",
        align: "end",
        cell: (row) => <Money value={row.cells.find((cell) => cell.bucket === bucket)?.outstanding} bare />,
      }),
    ),
    {
      id: "outstanding",
      title: "Outstanding",
      width: "minmax(96px, 1fr)",
      align: "end",
      cell: (row) => (
        <strong>
          <Money value={row.outstanding} bare />
        </strong>
      ),
    },
    { id: "late", title: "Late", width: "50px", align: "end", cell: (row) => <LateLink row={row} /> },
    {
      id: "breaks",
      title: "Exceptions",
      width: "74px",
      align: "end",
      cell: (row) =>
        row.openBreaks === 0 ? (
          <span className="muted">0</span>
        ) : (
          <Link
            to="/exceptions"
            search={{ property: row.propertyId }}
            tabIndex={-1}
            aria-label={`${row.openBreaks} open exceptions of ${row.propertyId}`}
          >
            {row.openBreaks.toLocaleString("en-US")}
          </Link>
        ),
    },
  ];
}

function Narrow({ row }: { row: AgeingPartsFragment }) {
  return (
    <>
      <div className="table-card-line">
        <PropertyLink row={row} />
        <Money value={row.outstanding} />
      </div>
      <div className="table-card-line muted">
        <span>{row.lateInstallments.toLocaleString("en-US")} late</span>
        <span>{row.openBreaks.toLocaleString("en-US")} exceptions</span>
      </div>
    </>
  );
}
