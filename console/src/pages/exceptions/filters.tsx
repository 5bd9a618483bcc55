import { getRouteApi } from "@tanstack/react-router";
import { given, lower } from "../../app/search.ts";
import { FilterAmount, FilterCurrency, FilterDay, Filters, FilterText } from "../../components/filters.tsx";
import { SelectOne, SelectSome } from "../../components/select.tsx";
import type { BreakClass } from "../../gql/graphql.ts";
import { CLASS_TITLES } from "../../labels/classes.ts";
import { AGE_BUCKET, KEY_KIND } from "../../labels/labels.ts";
import type { ExceptionsSearch } from "./filter.ts";

const MORE = ["kind", "tenant", "min", "opened_after", "opened_before"] as const;
const route = getRouteApi("/exceptions");

const STATES = [
  { value: "open", text: "Open" },
  { value: "accepted", text: "Accepted" },
  { value: "resolved", text: "Resolved" },
  { value: "any", text: "All" },
] as const;
const PRIORITIES = [
  { value: "1", text: "1: money at risk" },
  { value: "2", text: "2: amounts differ" },
  { value: "3", text: "3: missing or misplaced" },
] as const;
const CLASSES = (Object.entries(CLASS_TITLES) as [BreakClass, string][])
  .filter(([value]) => value !== "UNKNOWN")
  .map(([value, text]) => ({ value: lower([value])[0] as Lowercase<Exclude<BreakClass, "UNKNOWN">>, text }))
  .sort((a, b) => a.text.localeCompare(b.text));
const AGES = [
  { value: "hours_24", text: AGE_BUCKET.HOURS_24 },
  { value: "days_7", text: AGE_BUCKET.DAYS_7 },
  { value: "days_30", text: AGE_BUCKET.DAYS_30 },
  { value: "older", text: AGE_BUCKET.OLDER },
] as const;
const DECISIONS = [
  { value: "none", text: "None yet" },
  { value: "acknowledged", text: "Acknowledged" },
  { value: "assigned", text: "Assigned" },
  { value: "accept_requested", text: "Waits for a second person" },
  { value: "accepted", text: "Accepted" },
] as const;
const KINDS = [
  { value: "payment", text: KEY_KIND.PAYMENT },
  { value: "obligation", text: KEY_KIND.OBLIGATION },
  { value: "reference", text: KEY_KIND.REFERENCE },
  { value: "payout", text: KEY_KIND.PAYOUT },
  { value: "bank_entry", text: KEY_KIND.BANK_ENTRY },
] as const;

export function ExceptionFilters({ search, filtered }: { search: ExceptionsSearch; filtered: boolean }) {
  const navigate = route.useNavigate();
  const set = (patch: Partial<ExceptionsSearch>) => void navigate({ search: (before) => ({ ...before, ...patch }) });
  const more = (
    <>
      <SelectOne label="Concerns" options={KINDS} value={search.kind} onChange={(kind) => set({ kind })} />
      <FilterText label="Tenant" width={9} value={search.tenant} onChange={(tenant) => set({ tenant })} />
      {search.currency && (
        <FilterAmount label="At least" currency={search.currency} value={search.min} onChange={(min) => set({ min })} />
      )}
      {!search.age && (
        <>
          <FilterDay
            label="Opened from"
            value={search.opened_after}
            onChange={(opened_after) => set({ opened_after })}
          />
          <FilterDay label="to" value={search.opened_before} onChange={(opened_before) => set({ opened_before })} />
        </>
      )}
    </>
  );
  return (
    <Filters
      active={given(search).filter((name) => name !== "order").length}
      moreActive={MORE.some((name) => search[name] !== undefined)}
      more={more}
      onClear={filtered ? () => void navigate({ search: ({ order }) => ({ order }) }) : undefined}
    >
      <SelectOne
        label="State"
        any={null}
        options={STATES}
        value={search.state ?? "open"}
        onChange={(state) => set({ state: state === "open" ? undefined : state })}
      />
      <SelectSome
        label="Priority"
        options={PRIORITIES}
        value={search.priority ?? []}
        onChange={(priority) => set({ priority: priority.length > 0 ? priority : undefined })}
      />
      <SelectSome
        label="Class"
        options={CLASSES}
        value={search.class ?? []}
        onChange={(chosen) => set({ class: chosen.length > 0 ? chosen : undefined })}
      />
      <SelectOne label="Age" options={AGES} value={search.age} onChange={(age) => set({ age })} />
      <SelectOne
        label="Decision"
        options={DECISIONS}
        value={search.decision}
        onChange={(decision) => set({ decision })}
      />
      <FilterText label="Assignee" width={9} value={search.assignee} onChange={(assignee) => set({ assignee })} />
      <FilterText label="Property" width={9} value={search.property} onChange={(property) => set({ property })} />
      <FilterCurrency
        value={search.currency}
        onChange={(currency) => set({ currency, min: currency ? search.min : undefined })}
      />
    </Filters>
  );
}
