import { expect, test } from "vitest";
import { withoutCommands } from "./advice.ts";

test("commands in brackets are left out, other words stay", () => {
  expect(
    withoutCommands(
      "Find the payout (rentmatch exceptions show proposes some), and match it (rentmatch exceptions match).",
    ),
  ).toBe("Find the payout, and match it.");
  expect(withoutCommands("Ask acme (by day and amount).")).toBe("Ask acme (by day and amount).");
});
