import { day, oneOf, text } from "../../app/search.ts";

/** The filters of the audit log, as they are in its URL. */
export const auditSearch = { actor: text, action: text, refused: oneOf(["yes"] as const), from: day, to: day };
