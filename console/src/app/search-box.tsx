import "./search-box.css";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { client } from "../client/client.ts";
import { persisted } from "../client/documents.ts";
import { problemOf } from "../client/problems.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Icon } from "../components/icon.tsx";
import type { SearchKind } from "../gql/enums.ts";
import { SearchDocument, type SearchQuery } from "../gql/graphql.ts";
import { useShortcuts } from "./shortcuts.ts";
import { useNarrow } from "./width.ts";

type Hit = SearchQuery["search"][number];

const TYPING_MS = 180;
const PAGES = {
  BREAK: "/exceptions/$id",
  PAYMENT: "/payments/$id",
  OBLIGATION: "/obligations/$id",
  REFERENCE: "/references/$id",
  PAYOUT: "/payouts/$id",
  BANK_ENTRY: "/bank-entries/$id",
  TENANT: "/tenants/$id",
  LEASE: "/leases/$id",
  PROPERTY: "/properties/$id",
} as const;
const WORDS: Record<SearchKind, string> = {
  BREAK: "Exception",
  PAYMENT: "Payment",
  OBLIGATION: "Obligation",
  REFERENCE: "Reference",
  PAYOUT: "Payout",
  BANK_ENTRY: "Bank entry",
  TENANT: "Tenant",
  LEASE: "Lease",
  PROPERTY: "Property",
};

/** Finds any record by its id, or the beginning of it: in the bar, or on a phone behind a button. `/` goes there. */
export function SearchBox() {
  const narrow = useNarrow();
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useShortcuts({ "/": () => (narrow ? setOpen(true) : input.current?.focus()) });
  if (!narrow) {
    return (
      <search className="search">
        <Combobox input={input} onDone={() => input.current?.blur()} />
      </search>
    );
  }
  return (
    <>
      <Button tone="quiet" icon="search" aria-label="Search" aria-haspopup="dialog" onClick={() => setOpen(true)} />
      <Dialog open={open} onClose={() => setOpen(false)} title="Search">
        <search className="search search-dialog">
          <Combobox input={input} onDone={() => setOpen(false)} />
        </search>
      </Dialog>
    </>
  );
}

function Combobox({ input, onDone }: { input: React.RefObject<HTMLInputElement | null>; onDone: () => void }) {
  const id = useId();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const { hits, problem } = useHits(text.trim());
  const [active, setActive] = useState(0);
  const count = hits?.length ?? 0;
  const at = Math.min(active, count - 1);
  const shown = open && text.trim() !== "";

  useEffect(() => {
    if (shown && at >= 0) document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [shown, at, id]);

  const go = (hit: Hit) => {
    setText("");
    setOpen(false);
    void navigate({ to: PAGES[hit.kind], params: { id: hit.id } });
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      // The first closes the list, the second leaves the field; in a dialog it is the dialog's.
      if (shown) event.stopPropagation();
      if (!shown && !text) onDone();
      setOpen(false);
      if (!shown) setText("");
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      if (count > 0) setActive((at + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const hit = hits?.[at];
      if (shown && hit) go(hit);
    }
  };

  return (
    <>
      <Icon name="search" size={14} />
      <input
        ref={input}
        className="search-input"
        role="combobox"
        aria-label="Search by id"
        aria-expanded={shown}
        aria-controls={shown ? `${id}-list` : undefined}
        aria-autocomplete="list"
        aria-activedescendant={shown && count > 0 ? `${id}-${at}` : undefined}
        placeholder="Search by id"
        value={text}
        maxLength={128}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value);
          setOpen(true);
          setActive(0);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {!text && (
        <span className="search-key" aria-hidden="true">
          /
        </span>
      )}
      <div className={shown ? "search-popup popup" : "search-popup popup search-popup-closed"}>
        {/* Not there while it is closed: shortcuts are off while a list is open. */}
        {shown && (
          <div id={`${id}-list`} role="listbox" aria-label="Found">
            {hits?.map((hit, index) => (
              // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and takes the keys for its list.
              <div
                key={`${hit.kind} ${hit.id}`}
                id={`${id}-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === at}
                data-highlighted={index === at || undefined}
                className="popup-item search-hit"
                // The field would lose the focus, and the list would close, before the click.
                onMouseDown={(event) => event.preventDefault()}
                onMouseMove={() => setActive(index)}
                onClick={() => go(hit)}
              >
                <span className="search-kind muted">{WORDS[hit.kind]}</span>
                <span className="search-words">
                  <span className="id truncate">{hit.kind === "BREAK" ? hit.id.slice(0, 8) : hit.id}</span>
                  {hit.text !== hit.id && <span className="muted truncate">{hit.text}</span>}
                </span>
              </div>
            ))}
          </div>
        )}
        <p className={count > 0 ? "hidden-text" : "popup-label"} role="status">
          {!shown
            ? ""
            : problem
              ? problem
              : hits === null
                ? "Looking"
                : count === 0
                  ? "Nothing has an id that begins with this."
                  : `${count} found`}
        </p>
      </div>
    </>
  );
}

function useHits(text: string): { hits: readonly Hit[] | null; problem: string | null } {
  const [found, setFound] = useState<{ text: string; hits: readonly Hit[]; problem: string | null } | null>(null);
  useEffect(() => {
    if (!text) return;
    let wanted = true;
    const timer = window.setTimeout(async () => {
      const { data, error } = await client
        .query(persisted(SearchDocument), { text }, { requestPolicy: "network-only" })
        .toPromise();
      if (!wanted) return;
      const problem = error && problemOf(error);
      setFound({
        text,
        hits: data?.search ?? [],
        problem: problem ? `${problem.title} ${problem.advice}` : null,
      });
    }, TYPING_MS);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [text]);
  // What was found for the text before is not what Enter should open.
  if (!found || found.text !== text) return { hits: null, problem: null };
  return found;
}
