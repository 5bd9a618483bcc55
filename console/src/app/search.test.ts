import { expect, test } from "vitest";
import { exceptionsSearch } from "../pages/exceptions/search.ts";
import { given, parseSearch, reader, stringifySearch } from "./search.ts";

const read = reader(exceptionsSearch);

test("a link with filters is the view, both ways", () => {
  const link = "?class=posting_missing,fee_variance&priority=1,2&currency=USD&property=H-3%2Fa&order=amount";
  const search = read(parseSearch(link));
  expect(search).toEqual({
    class: ["posting_missing", "fee_variance"],
    priority: ["1", "2"],
    currency: "USD",
    property: "H-3/a",
    order: "amount",
  });
  expect(read(parseSearch(stringifySearch(search)))).toEqual(search);
});

test("the text of a filter may contain a comma, an equals sign or a plus", () => {
  const search = { property: "a,b=c+d" };
  expect(read(parseSearch(stringifySearch(search)))).toEqual(search);
});

test("what a page does not understand is kept and named, not guessed", () => {
  const search = read(parseSearch("?class=posting_missing,nonsense&colour=red&currency=dollars&state=open"));
  expect(search).toEqual({
    state: "open",
    ignored: "class=posting_missing,nonsense; colour=red; currency=dollars",
  });
  // The router puts back the raw value of what is absent.
  expect(Object.keys(search)).toEqual(["class", "colour", "currency", "state", "ignored"]);
  expect(given(search)).toEqual(["state", "ignored"]);
  expect(read({ ignored: "colour=red" })).toEqual({ ignored: "colour=red" });
});

test("a name of JavaScript's own objects is no filter", () => {
  expect(read(parseSearch("?constructor=x&__proto__=y"))).toEqual({ ignored: "constructor=x; __proto__=y" });
});
