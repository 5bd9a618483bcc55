import type { Listing, Pages } from "../client/connection.ts";
import { Button } from "../components/button.tsx";
import { Loading, ProblemNotice } from "../components/states.tsx";

/** Below a small table: the next page of it, and what went wrong with the last one. */
export function MoreRows<Row>({ listing, pages, what }: { listing: Listing<Row>; pages: Pages<Row>; what: string }) {
  if (listing.error) return <ProblemNotice error={listing.error} retry={() => void pages.retry()} />;
  if (!listing.ready) return <Loading />;
  if (!listing.hasMore) return null;
  return (
    <div>
      <Button small disabled={listing.loading} onClick={() => void pages.more()}>
        {listing.loading ? "Loading" : `Show more ${what}`}
      </Button>
    </div>
  );
}
