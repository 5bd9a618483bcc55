import { CSPProvider } from "@base-ui/react/csp-provider";
import { Link, Outlet } from "@tanstack/react-router";
import { useState } from "react";
import { outdated } from "../client/client.ts";
import { useStore } from "../client/store.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Freshness } from "../components/freshness.tsx";
import { Icon, type IconName } from "../components/icon.tsx";
import { Notice } from "../components/states.tsx";
import type { Permission } from "../gql/graphql.ts";
import { PersonMenu } from "./person-menu.tsx";
import { SearchBox } from "./search-box.tsx";
import { Session, useViewer } from "./session.tsx";
import { SessionEnded } from "./sign-in.tsx";

type Path =
  | "/"
  | "/exceptions"
  | "/late"
  | "/payments"
  | "/payouts"
  | "/decisions"
  | "/operations"
  | "/audit"
  | "/tokens";

const PLACES: { path: Path; text: string; icon: IconName; needs?: Permission; bar?: true }[] = [
  { path: "/", text: "Overview", icon: "overview", bar: true },
  { path: "/exceptions", text: "Exceptions", icon: "exceptions", bar: true },
  { path: "/late", text: "Late and ageing", icon: "late", bar: true },
  { path: "/payments", text: "Payments", icon: "payments", bar: true },
  { path: "/payouts", text: "Payouts", icon: "payouts" },
  { path: "/decisions", text: "Decisions", icon: "decisions" },
  { path: "/operations", text: "Operations", icon: "operations" },
  { path: "/audit", text: "Audit log", icon: "audit", needs: "AUDIT" },
  { path: "/tokens", text: "API tokens", icon: "tokens", needs: "ADMINISTER" },
];

/** Navigation, the state of the data, who is signed in, and the page. */
export function Shell() {
  return (
    <CSPProvider disableStyleElements>
      <Session>
        <Frame />
      </Session>
    </CSPProvider>
  );
}

function Frame() {
  const [more, setMore] = useState(false);
  const stale = useStore(outdated);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="bar">
        <Link to="/" className="brand" aria-label="rentmatch, overview">
          <span className="brand-mark" aria-hidden="true" />
          rentmatch
        </Link>
        <div className="bar-middle">
          <SearchBox />
        </div>
        <Freshness />
        <PersonMenu />
      </header>
      <nav className="nav" aria-label="Pages">
        <Places />
      </nav>
      <div className="content">
        {stale && (
          <Notice
            tone="warning"
            action={
              <Button small onClick={() => window.location.reload()}>
                Reload
              </Button>
            }
          >
            <strong>The console was updated.</strong> Reload the page to use the new version.
          </Notice>
        )}
        <Outlet />
      </div>
      <nav className="tabs" aria-label="Main pages">
        <Places only="bar" />
        <button type="button" className="place" onClick={() => setMore(true)} aria-haspopup="dialog">
          <Icon name="menu" />
          <span>More</span>
        </button>
      </nav>
      <Dialog open={more} onClose={() => setMore(false)} title="Pages" shape="drawer">
        <nav aria-label="All pages">
          <Places onChoose={() => setMore(false)} />
        </nav>
      </Dialog>
      <SessionEnded />
    </div>
  );
}

function Places({ only, onChoose }: { only?: "bar"; onChoose?: () => void }) {
  const viewer = useViewer();
  const places = PLACES.filter(
    (place) => (!only || place.bar) && (!place.needs || viewer.permissions.includes(place.needs)),
  );
  return (
    <ul className="places">
      {places.map(({ path, text, icon }) => (
        <li key={path}>
          <Link
            to={path}
            className="place"
            activeOptions={{ exact: path === "/", includeSearch: false }}
            activeProps={{ "aria-current": "page" }}
            onClick={onChoose}
          >
            <Icon name={icon} />
            <span>{text}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
