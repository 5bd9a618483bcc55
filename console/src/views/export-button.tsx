import { useState } from "react";
import { stringifySearch } from "../app/search.ts";
import { useMay } from "../app/session.tsx";
import { signedOut } from "../client/client.ts";
import { Button, ButtonLink } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { Notice } from "../components/states.tsx";

export type Exported = "breaks" | "payments" | "obligations" | "late" | "payouts";
type Format = "csv" | "xlsx";

const FORMATS: { format: Format; text: string }[] = [
  { format: "csv", text: "CSV" },
  { format: "xlsx", text: "Excel (XLSX)" },
];
const SELECTED_MAX = 1_000;

/**
 * Downloads of what the page's filters find: all of it, not only the rows that are loaded. Or of the rows that are
 * selected.
 *
 * @param filter - the page's filter, as GraphQL takes it
 * @param selected - ids of selected rows
 */
export function ExportButton({
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
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  if (!may) return null;
  const count = selected?.size ?? 0;
  const chosen = count > 0 && count <= SELECTED_MAX ? selected : undefined;
  const close = () => {
    setOpen(false);
    setProblem(null);
  };
  const download = async (format: Format, ids: string[]) => {
    setProblem(null);
    const failed = await fetchSelected(list, format, ids);
    if (failed) setProblem(failed);
    else close();
  };
  const address = (format: Format) =>
    `/export/${list}.${format}${stringifySearch({ filter: JSON.stringify(filter), order })}`;
  return (
    <>
      <Button icon="download" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Export
      </Button>
      <Dialog
        open={open}
        onClose={close}
        title="Export"
        actions={FORMATS.map(({ format, text }) =>
          chosen ? (
            <Button key={format} tone="primary" icon="download" onClick={() => void download(format, [...chosen])}>
              {text}
            </Button>
          ) : (
            <ButtonLink key={format} tone="primary" icon="download" href={address(format)} download onClick={close}>
              {text}
            </ButtonLink>
          ),
        )}
      >
        {problem && <Notice tone="danger">{problem}</Notice>}
        <p>
          {chosen
            ? `The file has the ${count.toLocaleString("en-US")} selected rows.`
            : "The file has everything that the filters find, not only the rows that are loaded."}{" "}
          Amounts have the decimals of their currency; instants are in UTC.
        </p>
        {count > SELECTED_MAX && (
          <p className="muted">
            {`A selection may have ${SELECTED_MAX.toLocaleString("en-US")} rows; this one has ${count.toLocaleString("en-US")}, so the file has all.`}
          </p>
        )}
      </Dialog>
    </>
  );
}

/** A selection is sent in the body: an address may not be long enough for it. Returns what failed, or null. */
async function fetchSelected(list: Exported, format: Format, ids: string[]): Promise<string | null> {
  let answer: Response;
  try {
    answer = await fetch(`/export/${list}.${format}`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Rentmatch": "1" },
      body: JSON.stringify({ ids }),
    });
  } catch {
    return "The gateway does not answer. Check the connection, then try again.";
  }
  if (answer.status === 401) signedOut.set(true);
  if (!answer.ok) {
    const body: { error?: { message?: string } } = await answer.json().catch(() => ({}));
    return body.error?.message ?? `The gateway answered with status ${answer.status}. Try again in a moment.`;
  }
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? `${list}.${format}`;
  const address = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken the data by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return null;
}
