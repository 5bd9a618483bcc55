import { expect, test } from "vitest";
import { type Described, steps } from "./differences.ts";

const version = (number: number, facts: [string, string][], breakIds: string[] = []): Described => ({
  version: String(number),
  at: null,
  facts,
  breakIds,
});

test("each version shows what it changed, what came and what went", () => {
  const found = steps(
    [
      version(
        2,
        [
          ["Status", "Settled"],
          ["Posted", "USD 5.00"],
        ],
        ["b2"],
      ),
      version(
        1,
        [
          ["Status", "Initiated"],
          ["In flight", "USD 5.00"],
        ],
        ["b1"],
      ),
    ],
    true,
  );
  expect(found[0]).toMatchObject({
    differences: [
      { name: "Status", before: "Initiated", after: "Settled" },
      { name: "Posted", before: null, after: "USD 5.00" },
      { name: "In flight", before: "USD 5.00", after: null },
    ],
    opened: ["b2"],
    closed: ["b1"],
    first: false,
  });
  expect(found[1]).toMatchObject({ first: true, opened: ["b1"], closed: [] });
});

test("a version whose predecessor has not been loaded yet is not shown as the first one", () => {
  expect(steps([version(7, [["Status", "Settled"]])], false)).toEqual([]);
});

test("a version that changed nothing a person sees has no differences", () => {
  const [latest] = steps([version(2, [["Status", "Open"]]), version(1, [["Status", "Open"]])], true);
  expect(latest).toMatchObject({ differences: [], opened: [], closed: [] });
});
