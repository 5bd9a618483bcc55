import { expect, test } from "vitest";
import { breakFilter } from "./filter.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");

test("without filters the queue has the open breaks", () => {
  expect(JSON.parse(JSON.stringify(breakFilter({}, NOW)))).toEqual({ state: "OPEN" });
});

test("an age is counted back from now, its newer end included", () => {
  const { openedAfter, openedBefore } = breakFilter({ age: "days_7" }, NOW);
  expect(openedBefore).toBe("2026-11-25T12:00:00.000Z");
  expect(openedAfter).toBe("2026-11-19T12:00:00.000Z");
  expect(breakFilter({ age: "older" }, NOW).openedAfter).toBeUndefined();
});

test("a smallest difference without a currency is not sent: it would compare yen with dollars", () => {
  expect(breakFilter({ min: "100" }, NOW).minGross).toBeUndefined();
  expect(breakFilter({ min: "100", currency: "USD" }, NOW).minGross).toBe("100");
});
