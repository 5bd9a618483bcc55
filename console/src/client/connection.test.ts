import type { CombinedError } from "@urql/core";
import { expect, test } from "vitest";
import { type Connection, Pages, type Paging } from "./connection.ts";

interface Row {
  id: number;
}

/** A gateway with `total` rows, which notes what it is asked. */
function gateway(total: number) {
  const asked: Paging[] = [];
  const failures: CombinedError[] = [];
  const fetch = async (paging: Paging): Promise<{ connection?: Connection<Row>; error?: CombinedError }> => {
    asked.push(paging);
    const error = failures.pop();
    if (error) return { error };
    const from = paging.after === null ? 0 : Number(paging.after);
    const to = Math.min(from + paging.first, total);
    return {
      connection: {
        edges: Array.from({ length: to - from }, (_, at) => ({ node: { id: from + at } })),
        pageInfo: { hasNextPage: to < total, endCursor: String(to) },
      },
    };
  };
  let counts = 0;
  const count = async () => {
    counts++;
    return { value: total, atLeast: false };
  };
  return { asked, failures, counts: () => counts, pages: new Pages<Row>(fetch, 100, count) };
}

test("pages follow each other by cursor, and the list is counted once", async () => {
  const { asked, counts, pages } = gateway(250);
  await pages.reload();
  await pages.more();
  await pages.more();
  await pages.more();
  expect(asked).toEqual([
    { first: 100, after: null },
    { first: 100, after: "100" },
    { first: 100, after: "200" },
  ]);
  expect(counts()).toBe(1);
  const listing = pages.listing.get();
  expect(listing.rows.map((row) => row.id)).toEqual(Array.from({ length: 250 }, (_, id) => id));
  expect(listing).toMatchObject({ hasMore: false, loading: false, count: { value: 250 } });
});

test("a list of one page needs no count", async () => {
  const { counts, pages } = gateway(100);
  await pages.reload();
  expect(pages.listing.get().count).toEqual({ value: 100, atLeast: false });
  expect(counts()).toBe(0);
});

test("while a page is on its way no other is asked for", async () => {
  const { asked, pages } = gateway(500);
  await pages.reload();
  await Promise.all([pages.more(), pages.more(), pages.more()]);
  expect(asked).toHaveLength(2);
});

test("a failed page keeps the rows, says so, and is asked for again only on request", async () => {
  const { asked, failures, pages } = gateway(500);
  await pages.reload();
  failures.push({ message: "away" } as CombinedError);
  await pages.more();
  expect(pages.listing.get()).toMatchObject({ error: { message: "away" }, hasMore: true, loading: false });
  expect(pages.listing.get().rows).toHaveLength(100);
  await pages.more();
  expect(asked).toHaveLength(2);
  await pages.retry();
  expect(pages.listing.get()).toMatchObject({ error: null });
  expect(pages.listing.get().rows).toHaveLength(200);
});

test("an answer that a newer request has overtaken changes nothing", async () => {
  const answers: (() => void)[] = [];
  const pages = new Pages<Row>(
    (paging) =>
      new Promise((resolve) => {
        const id = answers.length;
        answers.push(() =>
          resolve({
            connection: { edges: [{ node: { id } }], pageInfo: { hasNextPage: false, endCursor: paging.after } },
          }),
        );
      }),
    100,
  );
  const [first, second] = [pages.reload(), pages.reload()];
  answers[1]?.();
  answers[0]?.();
  await Promise.all([first, second]);
  expect(pages.listing.get().rows).toEqual([{ id: 1 }]);
});
