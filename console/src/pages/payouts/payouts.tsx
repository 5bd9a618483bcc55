import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { given, type SearchOf, upper } from "../../app/search.ts";
import { useViewer } from "../../app/session.tsx";
import { useConnection } from "../../client/connection.ts";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { FilterCurrency, FilterDay, Filters, FilterText } from "../../components/filters.tsx";
import { Money } from "../../components/money.tsx";
import { Page } from "../../components/page.tsx";
import { SelectOne } from "../../components/select.tsx";
import { Empty } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import { type PayoutFilter, type PayoutRowFragment, PayoutsCountDocument, PayoutsDocument } from "../../gql/graphql.ts";
import { PAYOUT_STATUS } from "../../labels/labels.ts";
import { Count } from "../../views/count.tsx";
import { ExportButton } from "../../views/export-button.tsx";
import { Ignored } from "../../views/ignored.tsx";
import { ListRefresh } from "../../views/list-refresh.tsx";
import { SavedViews } from "../../views/saved-views.tsx";
import { type payoutsSearch, STATUSES } from "./search.ts";

type Search = SearchOf<typeof payoutsSearch>;

const route = getRouteApi("/payouts");
const PAGE = 100;

/** The processors' payouts, and what of them is on the bank account. */
export function Payouts() {
  const { ignored, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  const viewer = useViewer();
  const filter = payoutFilter(search);
  const { listing, pages } = useConnection({
    document: PayoutsDocument,
    variables: { filter },
    connection: (data) => data.payouts,
    first: PAGE,
    count: { document: PayoutsCountDocument, variables: { filter }, of: (data) => data.payouts.count },
  });
  const filtered = given(search).length > 0;
  const columns = useMemo(columnsOf, []);
  const nothing = viewer.properties
    ? "Payouts have money of many properties; who sees only some of them sees no payouts."
    : undefined;
  return (
    <Page
      title="Payouts"
      fill
      summary={
        <span aria-live="polite">
          <Count count={listing.count} one="payout" many="payouts" />
        </span>
      }
      actions={
        <>
          <SavedViews page="/payouts" />
          <ExportButton list="payouts" filter={filter} />
          <ListRefresh pages={pages} kind="PAYOUT" />
        </>
      }
    >
      <Ignored parts={ignored} />
      <PayoutFilters search={search} filtered={filtered} />
      <DataTable
        label="Payouts"
        columns={columns}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/payouts/$id", params: { id: row.id } })}
        narrow={(row) => <Narrow row={row} />}
        empty={
          <Empty title={filtered ? "No payout matches these filters." : "There are no payouts."}>
            {filtered ? <Link to="/payouts">Show all payouts</Link> : nothing}
          </Empty>
        }
      />
    </Page>
  );
}

function payoutFilter(search: Search): PayoutFilter {
  return {
    status: search.status && upper(search.status),
    processor: search.processor,
    currency: search.currency,
    account: search.account,
    arrivalAfter: search.after,
    arrivalBefore: search.before,
  };
}

const STATUS = STATUSES.map((value) => ({ value, text: PAYOUT_STATUS[upper(value)].text }));

function PayoutFilters({ search, filtered }: { search: Search; filtered: boolean }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  return (
    <Filters active={given(search).length} onClear={filtered ? () => void navigate({ search: {} }) : undefined}>
      <SelectOne label="Status" options={STATUS} value={search.status} onChange={(status) => set({ status })} />
      <FilterText label="Processor" width={9} value={search.processor} onChange={(processor) => set({ processor })} />
      <FilterText label="Account" width={9} value={search.account} onChange={(account) => set({ account })} />
      <FilterCurrency value={search.currency} onChange={(currency) => set({ currency })} />
      <FilterDay label="Arrives from" value={search.after} onChange={(after) => set({ after })} />
      <FilterDay label="to" value={search.before} onChange={(before) => set({ before })} />
    </Filters>
  );
}

function PayoutLink({ row }: { row: PayoutRowFragment }) {
  return (
    <Link to="/payouts/$id" params={{ id: row.id }} className="id" tabIndex={-1} title={row.id}>
      {row.payoutId}
    </Link>
  );
}

function columnsOf(): Column<PayoutRowFragment>[] {
  return [
    { id: "id", title: "Payout", width: "minmax(190px, 2.2fr)", cell: (row) => <PayoutLink row={row} /> },
    { id: "processor", title: "Processor", width: "minmax(84px, 0.7fr)", cell: (row) => row.processor },
    {
      id: "status",
      title: "Status",
      width: "minmax(96px, 0.8fr)",
      cell: (row) => <Status label={PAYOUT_STATUS[row.status]} />,
    },
    { id: "arrival", title: "Arrives", width: "80px", cell: (row) => row.arrivalDate ?? "\u2013" },
    {
      id: "lines",
      title: "Lines",
      width: "52px",
      align: "end",
      cell: (row) => (
        <span title={row.unknownLines > 0 ? `${row.unknownLines} without a net amount` : undefined}>
          {row.lines.toLocaleString("en-US")}
          {row.unknownLines > 0 && <span className="muted">*</span>}
        </span>
      ),
    },
    {
      id: "amount",
      title: "Reported",
      width: "minmax(100px, 0.9fr)",
      align: "end",
      cell: (row) => <Money value={row.amount} missing="Not reported" />,
    },
    {
      id: "linesTotal",
      title: "Lines, net",
      width: "minmax(100px, 0.9fr)",
      align: "end",
      cell: (row) => <Money value={row.linesTotal} />,
    },
    {
      id: "remainder",
      title: "Remainder",
      width: "minmax(84px, 0.7fr)",
      align: "end",
      cell: (row) => <Money value={row.remainder} signed />,
    },
    {
      id: "deposited",
      title: "On the account",
      width: "minmax(100px, 0.9fr)",
      align: "end",
      cell: (row) => <Money value={row.deposited} />,
    },
  ];
}

function Narrow({ row }: { row: PayoutRowFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="truncate">
          <PayoutLink row={row} /> <span className="muted">{row.processor}</span>
        </span>
        <Money value={row.amount ?? row.linesTotal} />
      </div>
      <div className="table-card-line">
        <Status label={PAYOUT_STATUS[row.status]} />
        <span className="muted">{row.arrivalDate && `arrives ${row.arrivalDate}`}</span>
      </div>
    </>
  );
}
