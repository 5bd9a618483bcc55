import { currency, day, lower, oneOf, text } from "../../app/search.ts";
import type { PayoutStatus } from "../../gql/enums.ts";
import { PAYOUT_STATUS } from "../../labels/labels.ts";

export const STATUSES = lower((Object.keys(PAYOUT_STATUS) as PayoutStatus[]).filter((status) => status !== "UNKNOWN"));

/** The filters of the list of payouts, as they are in its URL. */
export const payoutsSearch = {
  status: oneOf(STATUSES),
  processor: text,
  currency,
  account: text,
  after: day,
  before: day,
};
