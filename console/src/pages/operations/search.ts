import { oneOf } from "../../app/search.ts";

export const operationsSearch = { view: oneOf(["dead-letters"] as const) };
