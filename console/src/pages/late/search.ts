import { currency, oneOf, text } from "../../app/search.ts";

export const LATE_VIEWS = ["properties", "installments"] as const;
export const STAGES = ["past_due", "fee_eligible", "days_30", "days_60", "days_90"] as const;

/** The filters of the page of late rent, as they are in its URL. */
export const lateSearch = {
  view: oneOf(LATE_VIEWS),
  stage: oneOf(STAGES),
  live: oneOf(["no"] as const),
  property: text,
  tenant: text,
  currency,
};
