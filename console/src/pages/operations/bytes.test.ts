import { expect, test } from "vitest";
import { hexLines, pretty } from "./bytes.ts";

test("bytes are shown with their offset and what is printable", () => {
  expect(hexLines(btoa("\x00\x01rent: 850.00 USD"))).toBe(
    "000000  00 01 72 65 6e 74 3a 20 38 35 30 2e 30 30 20 55  ..rent: 850.00 U\n" +
      `000010  53 44${" ".repeat(42)}  SD`,
  );
  expect(hexLines("")).toBe("");
});

test("JSON gets lines and keeps its digits", () => {
  expect(pretty('{"amount_minor":9007199254740993,"note":"a, b: {c}","of":[],"to":[1,{"x":null}]}')).toBe(
    `{
  "amount_minor": 9007199254740993,
  "note": "a, b: {c}",
  "of": [],
  "to": [
    1,
    {
      "x": null
    }
  ]
}`,
  );
});
