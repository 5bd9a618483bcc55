import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { given, type SearchOf, upper } from "../../app/search.ts";
import { useConnection } from "../../client/connection.ts";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { FilterAmount, FilterCurrency, Filters, FilterText } from "../../components/filters.tsx";
import { Money } from "../../components/money.tsx";
import { Page } from "../../components/page.tsx";
import { SelectOne } from "../../components/select.tsx";
import { Empty } from "../../components/states.tsx";
import { Status } from "../../components/status.tsx";
import {
  type PaymentFilter,
  type PaymentRowFragment,
  PaymentsCountDocument,
  PaymentsDocument,
} from "../../gql/graphql.ts";
import { METHOD, PAYMENT_STATUS } from "../../labels/labels.ts";
import { Count } from "../../views/count.tsx";
import { ExportButton } from "../../views/export-button.tsx";
import { Ignored } from "../../views/ignored.tsx";
import { KeyLink } from "../../views/key-link.tsx";
import { ListRefresh } from "../../views/list-refresh.tsx";
import { SavedViews } from "../../views/saved-views.tsx";
import { METHODS, type paymentsSearch, STATUSES } from "./search.ts";

type Search = SearchOf<typeof paymentsSearch>;

const route = getRouteApi("/payments");
const PAGE = 100;
const MORE = ["obligation", "tenant", "min", "max"] as const;

/** All payments, by what became of them. */
export function Payments() {
  const { ignored, ...search } = route.useSearch();
  const navigate = route.useNavigate();
  const filter = paymentFilter(search);
  const { listing, pages } = useConnection({
    document: PaymentsDocument,
    variables: { filter },
    connection: (data) => data.payments,
    first: PAGE,
    count: { document: PaymentsCountDocument, variables: { filter }, of: (data) => data.payments.count },
  });
  const filtered = given(search).length > 0;
  const columns = useMemo(columnsOf, []);
  return (
    <Page
      title="Payments"
      fill
      summary={
        <span aria-live="polite">
          <Count count={listing.count} one="payment" many="payments" />
        </span>
      }
      actions={
        <>
          <SavedViews page="/payments" />
          <ExportButton list="payments" filter={filter} />
          <ListRefresh pages={pages} kind="PAYMENT" />
        </>
      }
    >
      <Ignored parts={ignored} />
      <PaymentFilters search={search} filtered={filtered} />
      <DataTable
        label="Payments"
        columns={columns}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        onOpen={(row) => void navigate({ to: "/payments/$id", params: { id: row.id } })}
        narrow={(row) => <Narrow row={row} />}
        empty={
          <Empty title={filtered ? "No payment matches these filters." : "There are no payments yet."}>
            {filtered && <Link to="/payments">Show all payments</Link>}
          </Empty>
        }
      />
    </Page>
  );
}

function paymentFilter(search: Search): PaymentFilter {
  return {
    status: search.status && upper(search.status),
    method: search.method && upper(search.method),
    currency: search.currency,
    property: search.property,
    tenant: search.tenant,
    obligation: search.obligation,
    minAmount: search.currency && search.min,
    maxAmount: search.currency && search.max,
  };
}

function PaymentFilters({ search, filtered }: { search: Search; filtered: boolean }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<Search>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  return (
    <Filters
      active={given(search).length}
      moreActive={MORE.some((name) => search[name] !== undefined)}
      onClear={filtered ? () => void navigate({ search: {} }) : undefined}
      more={
        <>
          <FilterText label="Tenant" width={9} value={search.tenant} onChange={(tenant) => set({ tenant })} />
          <FilterText
            label="Obligation"
            width={10}
            value={search.obligation}
            onChange={(obligation) => set({ obligation })}
          />
          {search.currency && (
            <>
              <FilterAmount
                label="At least"
                currency={search.currency}
                value={search.min}
                onChange={(min) => set({ min })}
              />
              <FilterAmount
                label="At most"
                currency={search.currency}
                value={search.max}
                onChange={(max) => set({ max })}
              />
            </>
          )}
        </>
      }
    >
      <SelectOne label="Status" options={STATUS} value={search.status} onChange={(status) => set({ status })} />
      <SelectOne label="Method" options={METHOD_OPTIONS} value={search.method} onChange={(method) => set({ method })} />
      <FilterText label="Property" width={9} value={search.property} onChange={(property) => set({ property })} />
      <FilterCurrency
        value={search.currency}
        onChange={(currency) =>
          set({ currency, min: currency ? search.min : undefined, max: currency ? search.max : undefined })
        }
      />
    </Filters>
  );
}

const STATUS = STATUSES.map((value) => ({ value, text: PAYMENT_STATUS[upper(value)].text }));
const METHOD_OPTIONS = METHODS.map((value) => ({ value, text: METHOD[upper(value)] }));

function columnsOf(): Column<PaymentRowFragment>[] {
  return [
    {
      id: "id",
      title: "Payment",
      width: "minmax(130px, 1.2fr)",
      cell: (row) => <KeyLink kind="PAYMENT" id={row.id} inGrid />,
    },
    {
      id: "status",
      title: "Status",
      width: "minmax(104px, 0.8fr)",
      cell: (row) => <Status label={PAYMENT_STATUS[row.status]} />,
    },
    {
      id: "method",
      title: "Method",
      width: "84px",
      cell: (row) => (row.initiated ? METHOD[row.initiated.method] : <span className="muted">{"\u2013"}</span>),
    },
    {
      id: "obligation",
      title: "Obligation",
      width: "minmax(110px, 1fr)",
      cell: (row) =>
        row.initiated ? (
          <KeyLink kind="OBLIGATION" id={row.initiated.obligationId} inGrid />
        ) : (
          <span className="muted">Not initiated</span>
        ),
    },
    {
      id: "property",
      title: "Property",
      width: "minmax(76px, 0.7fr)",
      cell: (row) => <span className="id">{row.properties.join(", ") || "\u2013"}</span>,
    },
    {
      id: "initiated",
      title: "Initiated",
      width: "minmax(100px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.initiated?.amount} />,
    },
    {
      id: "inFlight",
      title: "In flight",
      width: "minmax(100px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.inFlight} />,
    },
    {
      id: "settled",
      title: "Net settled",
      width: "minmax(100px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.settled?.standing} />,
    },
    {
      id: "posted",
      title: "Posted",
      width: "minmax(100px, 0.8fr)",
      align: "end",
      cell: (row) => <Money value={row.posted} />,
    },
  ];
}

function Narrow({ row }: { row: PaymentRowFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="truncate">
          <KeyLink kind="PAYMENT" id={row.id} inGrid />
        </span>
        <Money value={row.initiated?.amount ?? row.settled?.standing} />
      </div>
      <div className="table-card-line">
        <Status label={PAYMENT_STATUS[row.status]} />
        <span className="muted">{row.initiated && METHOD[row.initiated.method]}</span>
      </div>
    </>
  );
}
