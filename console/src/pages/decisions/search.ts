import { day, oneOf, text } from "../../app/search.ts";

export const DECISION_VIEWS = ["waiting", "all"] as const;
export const ACTIONS = ["acknowledge", "assign", "comment", "accept", "approve", "withdraw"] as const;

/** The filters of the list of decisions, as they are in its URL. */
export const decisionsSearch = {
  view: oneOf(DECISION_VIEWS),
  action: oneOf(ACTIONS),
  actor: text,
  key: text,
  from: day,
  to: day,
};
