import { Client, cacheExchange, fetchExchange, mapExchange } from "@urql/core";
import { problemOf } from "./problems.ts";
import { Store } from "./store.ts";

/** Set while the gateway answers that nobody is signed in; the shell then asks to sign in and keeps the page. */
export const signedOut = new Store(false);

/** Set when the gateway no longer knows this build's documents. */
export const outdated = new Store(false);

const sessions = mapExchange({
  onResult(result) {
    if (result.error) {
      const { kind } = problemOf(result.error);
      if (kind === "signed-out") signedOut.set(true);
      if (kind === "stale") outdated.set(true);
    } else if (result.data) {
      signedOut.set(false);
    }
  },
});

/** The gateway. The header makes a form of another site unable to ask (it would need a preflight). */
export const client = new Client({
  url: "/graphql",
  exchanges: [sessions, cacheExchange, fetchExchange],
  preferGetMethod: false,
  fetchSubscriptions: true,
  requestPolicy: "cache-and-network",
  fetchOptions: { credentials: "same-origin", headers: { "X-Rentmatch": "1" } },
});
