import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { Button } from "../components/button.tsx";
import { Page } from "../components/page.tsx";
import { Empty } from "../components/states.tsx";

export function NotFound() {
  return (
    <Page title="No such page">
      <Empty title="The console has no page at this address.">
        <Link to="/">Go to the overview</Link>
      </Empty>
    </Page>
  );
}

/** A bug of the console, or a part of it that could not be loaded. */
export function Failed({ error, reset }: ErrorComponentProps) {
  return (
    <main className="centered" id="main">
      <div className="sign-in">
        <h1>The page failed</h1>
        <p className="muted">{error instanceof Error ? error.message : String(error)}</p>
        <p>
          Reload the page. If it fails again, give the operators this text and the address. Nothing that was written is
          lost.
        </p>
        <div className="page-actions">
          <Button tone="primary" onClick={() => window.location.reload()}>
            Reload
          </Button>
          <Button onClick={reset}>Try again</Button>
        </div>
      </div>
    </main>
  );
}
