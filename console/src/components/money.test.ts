import { expect, test } from "vitest";
import { amount, digits, minorOf, sum } from "./money.tsx";

const usd = (minor: string) => ({ minor, currency: "USD", decimals: 2 });

test.each([
  ["0", 2, "0.00"],
  ["5", 2, "0.05"],
  ["-5", 2, "\u22120.05"],
  ["123456789", 2, "1,234,567.89"],
  ["1500", 0, "1,500"],
  ["1234567", 3, "1,234.567"],
  ["9223372036854775807", 2, "92,233,720,368,547,758.07"],
])("%s in minor units with %d decimals is %s", (minor, decimals, text) => {
  expect(digits(minor, decimals)).toBe(text);
});

test("an amount has its currency", () => {
  expect(amount(usd("-85000"))).toBe("USD \u2212850.00");
});

test.each([
  ["850", 2, "85000"],
  ["1,234.5", 2, "123450"],
  ["-0.01", 2, "-1"],
  ["7", 0, "7"],
  ["1.005", 2, null],
  ["1.5", 0, null],
  ["12e3", 2, null],
  ["", 2, null],
])("what a person types, %s with %d decimals, is %s", (text, decimals, minor) => {
  expect(minorOf(text, decimals)).toBe(minor);
});

test("amounts of one currency have a sum that is exact", () => {
  expect(sum([usd("9007199254740993"), usd("1")])?.minor).toBe("9007199254740994");
  expect(sum([])).toBeNull();
  expect(() => sum([usd("1"), { minor: "1", currency: "EUR", decimals: 2 }])).toThrow("two currencies");
});
