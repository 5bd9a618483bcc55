import { type SearchOf, upper } from "../../app/search.ts";
import type { BreakFilter } from "../../gql/graphql.ts";
import type { AGES, exceptionsSearch } from "./search.ts";

export type ExceptionsSearch = SearchOf<typeof exceptionsSearch>;

const HOUR = 3_600_000;
/** Hours since a break was opened: at least, and less than. As the overview counts them. */
const AGE_HOURS: Record<(typeof AGES)[number], [number, number | null]> = {
  hours_24: [0, 24],
  days_7: [24, 7 * 24],
  days_30: [7 * 24, 30 * 24],
  older: [30 * 24, null],
};

/** The URL's filters as the gateway takes them; ages are counted back from `now`, in milliseconds. */
export function breakFilter(search: ExceptionsSearch, now: number): BreakFilter {
  const [atLeast, lessThan] = search.age ? AGE_HOURS[search.age] : [null, null];
  const back = (hours: number | null) => (hours ? new Date(now - hours * HOUR).toISOString() : undefined);
  const start = (day: string | undefined) => day && `${day}T00:00:00Z`;
  return {
    state: upper(search.state ?? "open"),
    classes: search.class?.map(upper),
    priorities: search.priority?.map(Number),
    currency: search.currency,
    keyKind: search.kind && upper(search.kind),
    key: search.key,
    decision: search.decision && upper(search.decision),
    assignee: search.assignee,
    property: search.property,
    tenant: search.tenant,
    openedBefore: back(atLeast) ?? start(search.opened_before),
    openedAfter: back(lessThan) ?? start(search.opened_after),
    minGross: search.currency ? search.min : undefined,
  };
}
