import { currency, day, lower, minor, oneOf, someOf, text } from "../../app/search.ts";
import type { BreakClass } from "../../gql/enums.ts";
import { CLASS_TITLES } from "../../labels/classes.ts";

const CLASSES = lower(Object.keys(CLASS_TITLES).filter((name) => name !== "UNKNOWN") as BreakClass[]);

export const AGES = ["hours_24", "days_7", "days_30", "older"] as const;
export const STATES = ["open", "accepted", "resolved", "any"] as const;
export const DECISIONS = ["none", "acknowledged", "assigned", "accept_requested", "accepted"] as const;
export const ORDERS = ["pressing", "due", "oldest", "newest", "amount"] as const;
export const KINDS = ["payment", "obligation", "reference", "payout", "bank_entry"] as const;

/** The filters of the queue, as they are in its URL. */
export const exceptionsSearch = {
  state: oneOf(STATES),
  class: someOf(CLASSES),
  priority: someOf(["1", "2", "3"] as const),
  age: oneOf(AGES),
  decision: oneOf(DECISIONS),
  assignee: text,
  currency,
  property: text,
  tenant: text,
  kind: oneOf(KINDS),
  key: text,
  opened_after: day,
  opened_before: day,
  /** Smallest difference, in minor units of `currency`. */
  min: minor,
  order: oneOf(ORDERS),
};
