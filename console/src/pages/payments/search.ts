import { currency, lower, minor, oneOf, text } from "../../app/search.ts";
import type { Method, PaymentStatus } from "../../gql/enums.ts";
import { METHOD, PAYMENT_STATUS } from "../../labels/labels.ts";

export const STATUSES = lower(
  (Object.keys(PAYMENT_STATUS) as PaymentStatus[]).filter((status) => status !== "UNKNOWN"),
);
export const METHODS = lower((Object.keys(METHOD) as Method[]).filter((method) => method !== "UNKNOWN"));

/** The filters of the list of payments, as they are in its URL. */
export const paymentsSearch = {
  status: oneOf(STATUSES),
  method: oneOf(METHODS),
  currency,
  property: text,
  tenant: text,
  obligation: text,
  min: minor,
  max: minor,
};
