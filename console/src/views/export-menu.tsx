import { useState } from "react";
import { stringifySearch } from "../app/search.ts";
import { useMay } from "../app/session.tsx";
import { signedOut } from "../client/client.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Menu, MenuItem, MenuLabel } from "../components/menu.tsx";

export type Exported = "breaks" | "payments" | "obligations" | "late" | "payouts";
type Format = "csv" | "xlsx";

const SELECTED_MAX = 1_000;

/**
 * Downloads of what the page's filters find: all of it, not only the rows that are loaded. Or of the rows that are
 * selected.
 *
 * @param filter - the page's filter, as GraphQL takes it
 * @param selected - ids of selected rows
 */
export function ExportMenu({
  list,
  filter,
  order,
  selected,
}: {
  list: Exported;
  filter: object;
  order?: string;
  selected?: ReadonlySet<string>;
}) {
  const may = useMay("EXPORT");
  const [problem, setProblem] = useState<string | null>(null);
  if (!may) return null;
  const count = selected?.size ?? 0;
  const chosen = count > 0 && count <= SELECTED_MAX ? selected : undefined;
  const download = (format: Format) => {
    if (chosen) void fetchSelected(list, format, [...chosen]).catch((error: Error) => setProblem(error.message));
  };
  const address = (format: Format) =>
    `/export/${list}.${format}${stringifySearch({ filter: JSON.stringify(filter), order })}`;
  const entry = (format: Format, text: string) =>
    chosen ? (
      <MenuItem onClick={() => download(format)}>{text}</MenuItem>
    ) : (
      <MenuItem render={<a href={address(format)} download />}>{text}</MenuItem>
    );
  return (
    <>
      <Menu
        end
        trigger={
          <Button icon="download" tone="plain">
            Export
          </Button>
        }
      >
        <MenuLabel>
          {chosen ? `The ${count.toLocaleString("en-US")} selected` : "All that the filters find"}
          {count > SELECTED_MAX && ` (a selection may have ${SELECTED_MAX.toLocaleString("en-US")})`}
        </MenuLabel>
        {entry("csv", "CSV")}
        {entry("xlsx", "Excel (XLSX)")}
      </Menu>
      <Dialog open={problem !== null} onClose={() => setProblem(null)} title="The export failed">
        <p>{problem}</p>
      </Dialog>
    </>
  );
}

/** A selection is sent in the body: an address may not be long enough for it. */
async function fetchSelected(list: Exported, format: Format, ids: string[]): Promise<void> {
  const answer = await fetch(`/export/${list}.${format}`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Rentmatch": "1" },
    body: JSON.stringify({ ids }),
  });
  if (answer.status === 401) {
    signedOut.set(true);
    return;
  }
  if (!answer.ok) {
    const body: { error?: { message?: string } } = await answer.json().catch(() => ({}));
    throw new Error(body.error?.message ?? `The gateway answered ${answer.status}. Try again in a moment.`);
  }
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? `${list}.${format}`;
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken the data by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
