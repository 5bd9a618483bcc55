import { useEffect, useRef } from "react";
import { Store } from "../client/store.ts";

const KEY = "rentmatch-shortcuts";

/** Single-letter shortcuts can be turned off (WCAG 2.1.4): speech input would set them off. */
export const shortcutsOn = new Store(localStorage.getItem(KEY) !== "off");

export function setShortcuts(on: boolean): void {
  localStorage.setItem(KEY, on ? "on" : "off");
  shortcutsOn.set(on);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** Run what a key stands for, by `KeyboardEvent.key` in lower case, unless the person is typing or a dialog is open. */
export function useShortcuts(keys: Record<string, (event: KeyboardEvent) => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!shortcutsOn.get() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const isCheckbox = event.target instanceof HTMLInputElement && event.target.type === "checkbox";
      if (isTyping(event.target) && !isCheckbox) return;
      if (document.querySelector('[role="dialog"], [role="alertdialog"]')) return;
      if (event.target instanceof Element && event.target.closest('[role="listbox"], [role="menu"]')) return;
      const key = event.key.toLowerCase();
      const run = Object.hasOwn(latest.current, key) ? latest.current[key] : undefined;
      if (!run) return;
      event.preventDefault();
      run(event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
