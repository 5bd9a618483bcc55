import { Store } from "../client/store.ts";

export type Theme = "system" | "light" | "dark";

const KEY = "rentmatch-theme";

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === "light" || value === "dark" ? value : "system";
}

/** The person's choice on this device. */
export const theme = new Store<Theme>(stored());

function apply(): void {
  const root = document.documentElement;
  if (theme.get() === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme.get());
}

/** Choose a theme and keep the choice. */
export function choose(value: Theme): void {
  localStorage.setItem(KEY, value);
  theme.set(value);
  apply();
}

apply();
