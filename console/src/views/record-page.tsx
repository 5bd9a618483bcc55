import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { type Loaded, useReloadKey } from "../client/record.ts";
import { Button } from "../components/button.tsx";
import { CopyButton } from "../components/copy-button.tsx";
import { Page } from "../components/page.tsx";
import { Empty, Loading, ProblemNotice } from "../components/states.tsx";

interface Props<Data, Found> {
  /** What it is: "Payment". */
  what: string;
  id: string;
  loaded: Loaded<Data>;
  find: (data: Data) => Found | null | undefined;
  status?: (found: Found) => ReactNode;
  summary?: (found: Found) => ReactNode;
  actions?: (found: Found) => ReactNode;
  children: (found: Found) => ReactNode;
}

/** The page of one record: its kind and id, its state, and what it is made of. Also when it is not there. */
export function RecordPage<Data, Found>(props: Props<Data, Found>) {
  const { what, id, loaded, find, status, summary, actions, children } = props;
  useReloadKey(loaded.reload);
  const { data, error, loading, reload } = loaded;
  const found = data && find(data);
  return (
    <Page
      title={`${what} ${id}`}
      heading={
        <>
          {what} <span className="id title-id">{id}</span>
        </>
      }
      beside={
        <>
          {found && status?.(found)}
          <CopyButton text={id} label="Copy id" />
        </>
      }
      summary={found && summary?.(found)}
      actions={
        <>
          {found && actions?.(found)}
          <Button icon="refresh" onClick={reload} aria-label="Load the page again" title="r" />
        </>
      }
    >
      {error && <ProblemNotice error={error} retry={reload} />}
      {found ? (
        children(found)
      ) : loading ? (
        <Loading />
      ) : (
        data && (
          <Empty title={`There is no ${what.toLowerCase()} with this id.`}>
            Nothing is known of it yet, or it belongs to a property that you may not see.{" "}
            <Link to="/">Go to the overview</Link>
          </Empty>
        )
      )}
    </Page>
  );
}
