import { expect, test } from "vitest";
import { durationText, instantText } from "./instant.tsx";

test("an instant is shown in UTC, or in a property's zone with its abbreviation", () => {
  expect(instantText("2026-07-01T15:00:00.000000Z")).toBe("2026-07-01 15:00 UTC");
  expect(instantText("2026-07-01T03:30:00.000001Z", "America/New_York")).toBe("2026-06-30 23:30 EDT");
  expect(instantText("2026-12-31T23:59:59.999999Z", "Asia/Tokyo")).toBe("2027-01-01 08:59 GMT+9");
});

test("a duration is in its largest unit", () => {
  const minute = 60_000;
  expect(durationText(30_000)).toBe("< 1 min");
  expect(durationText(59 * minute)).toBe("59 min");
  expect(durationText(47 * 60 * minute)).toBe("47 h");
  expect(durationText(-49 * 60 * minute)).toBe("2 d");
});
