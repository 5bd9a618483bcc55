import { stringifySearch } from "../app/search.ts";
import { useMay } from "../app/session.tsx";
import { Button } from "../components/button.tsx";
import { Menu, MenuItem, MenuLabel } from "../components/menu.tsx";

export type Exported = "breaks" | "payments" | "obligations" | "late" | "payouts";

/** Downloads of what the page's filters find, all of it, not only the rows that are loaded. */
export function ExportMenu({
  list,
  query,
  selected = 0,
  selection,
}: {
  list: Exported;
  query: Record<string, unknown>;
  /** How many rows are selected; `selection` is the query for them. */
  selected?: number;
  selection?: Record<string, unknown>;
}) {
  const may = useMay("EXPORT");
  if (!may) return null;
  const address = (format: string) => `/export/${list}.${format}${stringifySearch((selected && selection) || query)}`;
  const what = selected && selection ? `The ${selected.toLocaleString("en-US")} selected` : "All that the filters find";
  return (
    <Menu
      end
      trigger={
        <Button icon="download" tone="plain">
          Export
        </Button>
      }
    >
      <MenuLabel>{what}</MenuLabel>
      <MenuItem render={<Download address={address("csv")} />}>CSV</MenuItem>
      <MenuItem render={<Download address={address("xlsx")} />}>Excel (XLSX)</MenuItem>
    </Menu>
  );
}

function Download({ address, ...rest }: { address: string }) {
  return <a href={address} download {...rest} />;
}
