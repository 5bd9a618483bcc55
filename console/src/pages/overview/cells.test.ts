import { expect, test } from "vitest";
import type { AgeBucket, DecisionState } from "../../gql/enums.ts";
import { type BreakCell, classRows, headline, moneyRows, share } from "./cells.ts";

const money = (minor: number, currency = "USD") => ({ minor: String(minor), currency, decimals: 2 });

function cell(more: {
  count: number;
  currency?: string;
  age?: AgeBucket;
  decision?: DecisionState;
  priority?: number;
}) {
  const { count, currency = "USD", age = "HOURS_24", decision = null, priority = 1 } = more;
  return {
    class: priority === 1 ? "DUPLICATE_SETTLEMENT" : "POSTING_MISSING",
    title: priority === 1 ? "Settled more than once" : "Settled, but not posted",
    priority,
    currency,
    age,
    decision,
    count,
    gross: money(100 * count, currency),
    net: money(-100 * count, currency),
  } satisfies BreakCell;
}

const CELLS = [
  cell({ count: 2 }),
  cell({ count: 1, age: "OLDER", decision: "ACCEPT_REQUESTED" }),
  cell({ count: 4, currency: "EUR" }),
  cell({ count: 9, priority: 3, decision: "ACKNOWLEDGED" }),
];

test("a class has a row with its counts by age, and its money by currency", () => {
  const [first, second] = classRows(CELLS);
  expect(first).toMatchObject({
    class: "DUPLICATE_SETTLEMENT",
    byAge: { HOURS_24: 6, DAYS_7: 0, DAYS_30: 0, OLDER: 1 },
    count: 7,
    gross: [money(400, "EUR"), money(300)],
  });
  expect(second).toMatchObject({ class: "POSTING_MISSING", count: 9 });
});

test("the headline counts every break once", () => {
  expect(headline(CELLS)).toEqual({
    count: 16,
    byPriority: [
      { priority: 1, count: 7 },
      { priority: 2, count: 0 },
      { priority: 3, count: 9 },
    ],
    undecided: 6,
    waiting: 1,
  });
});

test("money is added up in each currency apart", () => {
  expect(moneyRows(CELLS)).toEqual([
    { currency: "EUR", count: 4, gross: money(400, "EUR"), net: money(-400, "EUR") },
    { currency: "USD", count: 12, gross: money(1200), net: money(-1200) },
  ]);
});

test("a share is between nothing and all, also where the whole is nothing", () => {
  expect(share(money(250), money(1000))).toBe(0.25);
  expect(share(money(2000), money(1000))).toBe(1);
  expect(share(money(-5), money(1000))).toBe(0);
  expect(share(money(5), money(0))).toBe(0);
});
