import type { AnyVariables, CombinedError, TypedDocumentNode } from "@urql/core";
import { useEffect, useMemo } from "react";
import type { CountPartsFragment } from "../gql/graphql.ts";
import { client } from "./client.ts";
import { persisted } from "./documents.ts";
import { Store, useStore } from "./store.ts";

/** What every list of the gateway has. */
export interface Connection<Row> {
  edges: { node: Row }[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

export interface Listing<Row> {
  rows: Row[];
  count: CountPartsFragment | null;
  hasMore: boolean;
  /** A page is on its way. */
  loading: boolean;
  /** The first page has come at least once. */
  ready: boolean;
  error: CombinedError | null;
}

/** What a page of a list is asked with, beside the list's own variables. */
export interface Paging {
  first: number;
  after: string | null;
}

const EMPTY: Listing<never> = { rows: [], count: null, hasMore: true, loading: false, ready: false, error: null };
const KEPT = 12;

type Fetch<Row> = (paging: Paging) => Promise<{ connection?: Connection<Row>; error?: CombinedError }>;
type Count = () => Promise<CountPartsFragment | null>;

/**
 * The rows of one list, fetched page by page as the reader scrolls.
 *
 * The rows come first. How many there are is asked afterwards, and only if there are more than the first page has.
 */
export class Pages<Row> {
  readonly listing = new Store<Listing<Row>>(EMPTY);
  /** Where the reader was, for when they come back. */
  scrollTop = 0;
  activeId: string | null = null;
  /** When the first page was asked for, on this page's clock: later changes are not in it. */
  loadedAt = 0;
  #cursor: string | null = null;
  #last: { after: string | null; keep: boolean } = { after: null, keep: false };
  #epoch = 0;
  #counted = 0;
  readonly #fetch: Fetch<Row>;
  readonly #first: number;
  readonly #count: Count | undefined;

  constructor(fetch: Fetch<Row>, first: number, count?: Count) {
    this.#fetch = fetch;
    this.#first = first;
    this.#count = count;
  }

  /** Fetch the next page, unless one is on its way or there is none. */
  readonly more = async (): Promise<void> => {
    const { loading, hasMore, error } = this.listing.get();
    if (loading || !hasMore || error) return;
    await this.#load({ after: this.#cursor, keep: true });
  };

  /** Fetch the first page again; the rows stay until it has come. */
  readonly reload = async (): Promise<void> => {
    await this.#load({ after: null, keep: false });
  };

  /** Ask again for the page that failed. */
  readonly retry = async (): Promise<void> => {
    await this.#load(this.#last);
  };

  /** Replace rows that the page knows to be different. */
  patch(change: (row: Row) => Row): void {
    const listing = this.listing.get();
    this.listing.set({ ...listing, rows: listing.rows.map(change) });
  }

  async #load({ after, keep }: { after: string | null; keep: boolean }): Promise<void> {
    const epoch = ++this.#epoch;
    this.#last = { after, keep };
    if (!keep) this.loadedAt = performance.now();
    this.listing.set({ ...this.listing.get(), loading: true, error: null });
    const { connection, error } = await this.#fetch({ first: this.#first, after });
    if (epoch !== this.#epoch) return;
    const before = this.listing.get();
    if (!connection) {
      this.listing.set({ ...before, loading: false, ready: true, error: error ?? null });
      return;
    }
    this.#cursor = connection.pageInfo.endCursor;
    const rows = connection.edges.map((edge) => edge.node);
    this.listing.set({
      rows: keep ? [...before.rows, ...rows] : rows,
      count: keep ? before.count : this.#known(connection, rows.length, before.count),
      hasMore: connection.pageInfo.hasNextPage,
      loading: false,
      ready: true,
      error: null,
    });
    if (!keep && connection.pageInfo.hasNextPage) await this.#countAll(epoch);
  }

  #known(connection: Connection<Row>, rows: number, before: CountPartsFragment | null): CountPartsFragment | null {
    return connection.pageInfo.hasNextPage ? before : { value: rows, atLeast: false };
  }

  async #countAll(epoch: number): Promise<void> {
    const count = await this.#count?.();
    // Further pages may have come meanwhile, but not another first one.
    if (count && epoch <= this.#epoch && this.#counted < epoch) {
      this.#counted = epoch;
      this.listing.set({ ...this.listing.get(), count });
    }
  }
}

const kept = new Map<string, Pages<unknown>>();

/** Lists are kept while the console is open, so that going back shows them at once, where they were. */
function pagesFor<Row>(key: string, make: () => Pages<Row>): Pages<Row> {
  const known = kept.get(key);
  const pages = known ?? make();
  kept.delete(key);
  kept.set(key, pages as Pages<unknown>);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return pages as Pages<Row>;
}

/** Forget all lists: another person has signed in. */
export function forgetLists(): void {
  kept.clear();
}

/**
 * A list of the gateway, page by page.
 *
 * @param document - a query with the variables `first` and `after`
 * @param variables - its other variables; other variables are another list
 * @param connection - where in the answer the list is
 * @param first - rows a page; its cost has to stay below half of the gateway's limit
 * @param count - how many rows the list has, and a query for it with the list's own variables
 */
export function useConnection<
  Data,
  Variables extends AnyVariables,
  Row,
  CountData = never,
  CountVariables extends AnyVariables = never,
>({
  document,
  variables,
  connection,
  first,
  count,
}: {
  document: TypedDocumentNode<Data, Variables>;
  variables: Omit<Variables, keyof Paging>;
  connection: (data: Data) => Connection<Row>;
  first: number;
  count?: {
    document: TypedDocumentNode<CountData, CountVariables>;
    variables: CountVariables;
    of: (data: CountData) => CountPartsFragment;
  };
}): { listing: Listing<Row>; pages: Pages<Row> } {
  const ready = persisted(document as TypedDocumentNode<Data, Record<string, unknown>>);
  const key = `${(ready as unknown as { documentId: string }).documentId} ${JSON.stringify(variables)}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the document and its variables.
  const pages = useMemo(
    () =>
      pagesFor(
        key,
        () =>
          new Pages<Row>(
            async (paging) => {
              const result = await client
                .query(ready, { ...variables, ...paging }, { requestPolicy: "network-only" })
                .toPromise();
              return { connection: result.data ? connection(result.data as Data) : undefined, error: result.error };
            },
            first,
            count &&
              (async () => {
                const document = persisted(count.document as TypedDocumentNode<CountData, Record<string, unknown>>);
                const result = await client
                  .query(document, count.variables as Record<string, unknown>, { requestPolicy: "network-only" })
                  .toPromise();
                return result.data ? count.of(result.data as CountData) : null;
              }),
          ),
      ),
    [key],
  );
  const listing = useStore(pages.listing);
  useEffect(() => {
    if (!pages.listing.get().ready) void pages.reload();
  }, [pages]);
  return { listing, pages };
}
