import { createContext, type ReactNode, use, useEffect } from "react";
import { useQuery } from "urql";
import { followChanges } from "../client/changes.ts";
import { persisted } from "../client/documents.ts";
import { problemOf } from "../client/problems.ts";
import { Loading, ProblemNotice } from "../components/states.tsx";
import type { Permission, SessionQuery } from "../gql/graphql.ts";
import { SessionDocument } from "../gql/graphql.ts";
import { SignInPage } from "./sign-in.tsx";

export type Viewer = SessionQuery["viewer"];

const Context = createContext<Viewer | null>(null);

/** Ask who is signed in, and show the console to them. */
export function Session({ children }: { children: ReactNode }) {
  const [{ data, error }, again] = useQuery({ query: persisted(SessionDocument), requestPolicy: "cache-first" });
  useEffect(() => {
    if (data) followChanges();
  }, [data]);
  if (data) return <Context value={data.viewer}>{children}</Context>;
  if (!error) return <Loading label="Loading the console" />;
  if (problemOf(error).kind === "signed-out") return <SignInPage />;
  return (
    <main className="centered">
      <h1 className="hidden-text">rentmatch</h1>
      <ProblemNotice error={error} retry={() => again({ requestPolicy: "network-only" })} />
    </main>
  );
}

/** Who is signed in. */
export function useViewer(): Viewer {
  const viewer = use(Context);
  if (!viewer) throw new Error("Outside of <Session>.");
  return viewer;
}

/** Whether the viewer's role allows it. The gateway checks again; this only decides what to offer. */
export function useMay(permission: Permission): boolean {
  return useViewer().permissions.includes(permission);
}
