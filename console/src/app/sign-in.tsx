import { signedOut } from "../client/client.ts";
import { useStore } from "../client/store.ts";
import { ButtonLink } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";

function address(): string {
  const back = window.location.pathname + window.location.search;
  return `/sign-in?${new URLSearchParams({ return: back })}`;
}

/** Instead of the console, when nobody is signed in. */
export function SignInPage() {
  return (
    <main className="centered">
      <div className="sign-in">
        <h1>rentmatch</h1>
        <p className="muted">Sign in to work on breaks, payments and late rent.</p>
        <ButtonLink href={address()} tone="primary">
          Sign in
        </ButtonLink>
      </div>
    </main>
  );
}

/** Over the console, when the session ended meanwhile. The page below keeps what was typed. */
export function SessionEnded() {
  const ended = useStore(signedOut);
  return (
    <Dialog
      open={ended}
      onClose={() => signedOut.set(false)}
      title="Your session has ended"
      actions={
        <ButtonLink href={address()} target="_blank" tone="primary">
          Sign in in a new tab
        </ButtonLink>
      }
    >
      <p>Nothing on this page is lost. Sign in in a new tab, then come back, close this notice and continue.</p>
    </Dialog>
  );
}
