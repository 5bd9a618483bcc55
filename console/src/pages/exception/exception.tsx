import "./exception.css";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type Loaded, useRecord, useReloadKey } from "../../client/record.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Age, Due, Instant } from "../../components/instant.tsx";
import { Page } from "../../components/page.tsx";
import { Empty, Loading, ProblemNotice } from "../../components/states.tsx";
import { Chip, Priority, Status } from "../../components/status.tsx";
import {
  ExceptionDecisionsDocument,
  type ExceptionDecisionsQuery,
  ExceptionExplanationDocument,
  type ExceptionExplanationQuery,
  ExceptionPageDocument,
  type ExceptionPageQuery,
} from "../../gql/graphql.ts";
import { DECISION_STATE, KEY_KIND } from "../../labels/labels.ts";
import { KeyLink } from "../../views/key-link.tsx";
import { OnItsWay } from "../../views/on-its-way.tsx";
import { noteSeen } from "../exceptions/written.ts";
import { ActionBar } from "./actions.tsx";
import { Candidates } from "./candidates.tsx";
import { Concerns } from "./concerns.tsx";
import { type Action, DecisionDialog } from "./decision-dialogs.tsx";
import { DecisionList } from "./decision-list.tsx";
import { ExceptionHistory } from "./exception-history.tsx";
import { MatchDialog } from "./match-dialog.tsx";
import { Resolutions } from "./resolutions.tsx";
import { Sides } from "./sides.tsx";
import { Story } from "./story.tsx";

export type Exception = NonNullable<ExceptionPageQuery["break"]>;
export type Explanation = NonNullable<NonNullable<ExceptionExplanationQuery["break"]>["explanation"]>;
export type MadeDecision = NonNullable<ExceptionDecisionsQuery["break"]>["decisions"][number];

/** What is done about the exception at the moment: a decision, or a match to this target. */
export type Doing = { action: Action; decisionId?: string } | { action: "match"; target?: string };

const route = getRouteApi("/exceptions/$id");

/** One exception: what was expected and what is there, what happened, what would resolve it, and what was decided. */
export function ExceptionPage() {
  const { id } = route.useParams();
  return <ExceptionOf key={id} id={id} />;
}

function ExceptionOf({ id }: { id: string }) {
  const concerns = (item: { kind: string; id: string }) => item.kind === "BREAK" && item.id === id;
  const loaded = useRecord({ document: ExceptionPageDocument, variables: { id }, concerns });
  const explained = useRecord({ document: ExceptionExplanationDocument, variables: { id }, concerns });
  const decided = useRecord({ document: ExceptionDecisionsDocument, variables: { id }, concerns });
  const [looks, setLooks] = useState(0);
  const reload = () => {
    setLooks((before) => before + 1);
    loaded.reload();
    explained.reload();
    decided.reload();
  };
  useReloadKey(reload);
  const found = loaded.data?.break;
  const decisions = decided.data?.break?.decisions;
  useEffect(() => {
    if (found) noteSeen([found], new Set(decisions?.map((one) => one.id)));
  }, [found, decisions]);

  if (!found) {
    return (
      <Page title="Exception">
        {loaded.error && <ProblemNotice error={loaded.error} retry={reload} />}
        {loaded.loading ? (
          <Loading />
        ) : (
          loaded.data && (
            <Empty title="There is no exception with this id.">
              It is not known yet, or it belongs to a property that you may not see.
            </Empty>
          )
        )}
      </Page>
    );
  }
  return <Found found={found} loaded={loaded} explained={explained} decided={decided} looks={looks} reload={reload} />;
}

function Found({
  found,
  loaded,
  explained,
  decided,
  looks,
  reload,
}: {
  found: Exception;
  loaded: Loaded<ExceptionPageQuery>;
  explained: Loaded<ExceptionExplanationQuery>;
  decided: Loaded<ExceptionDecisionsQuery>;
  looks: number;
  reload: () => void;
}) {
  const [doing, setDoing] = useState<Doing | null>(null);
  const explanation = explained.data?.break?.explanation ?? null;
  const zone = explanation?.timeZone;
  // The forecast is about what the page shows: another version, or a look again, asks for it again.
  const seen = Number(found.version) + looks;
  const done = () => setDoing(null);
  return (
    <Page
      title={found.title}
      beside={
        <>
          <Priority value={found.priority} />
          <State found={found} />
        </>
      }
      summary={
        <span className="summary-line">
          <span>
            {KEY_KIND[found.keyKind]} <KeyLink kind={found.keyKind} id={found.key} />
          </span>
          {found.resolvedAt ? (
            <span>
              resolved <Instant value={found.resolvedAt} zone={zone} />
            </span>
          ) : (
            <span>
              open for <Age since={found.openedAt} />
            </span>
          )}
          {found.dueAt && (
            <span>
              deadline <Due at={found.dueAt} />
            </span>
          )}
          <span className="id-copy">
            <span className="id" title={found.id}>
              {found.id.slice(0, 8)}
            </span>
            <CopyButton text={found.id} label="Copy id" />
          </span>
        </span>
      }
      actions={
        <>
          <ActionBar found={found} onChoose={setDoing} />
          <Button icon="refresh" onClick={reload} aria-label="Load the page again" title="r" />
        </>
      }
    >
      {loaded.error && <ProblemNotice error={loaded.error} retry={reload} />}
      <OnItsWay id={found.id} look={reload} />
      <Sides found={found} explanation={explanation} />
      <div className="record-columns">
        <div className="column">
          <Explained found={found} loaded={explained} onMatch={(target) => setDoing({ action: "match", target })} />
          <ExceptionHistory id={found.id} openedAt={found.openedAt} />
        </div>
        <aside className="column" aria-label="Decisions and what it concerns">
          <DecisionList
            found={found}
            loaded={decided}
            onWithdraw={(decisionId) => setDoing({ action: "withdraw", decisionId })}
          />
          <Candidates found={found} onMatch={(target) => setDoing({ action: "match", target })} />
          <Concerns found={found} lookAt={explanation?.lookAt ?? []} />
        </aside>
      </div>
      {doing?.action === "match" ? (
        <MatchDialog found={found} target={doing.target} seen={seen} onClose={done} onLookAgain={reload} />
      ) : (
        doing && (
          <DecisionDialog
            found={found}
            action={doing.action}
            decisionId={doing.decisionId}
            seen={seen}
            onClose={done}
            onLookAgain={reload}
          />
        )
      )}
    </Page>
  );
}

function State({ found }: { found: Exception }) {
  if (found.lifecycle === "RESOLVED") return <Chip tone="success">Resolved</Chip>;
  if (found.decision) return <Status label={DECISION_STATE[found.decision.state]} />;
  return <Chip tone="danger">Open</Chip>;
}

function Explained({
  found,
  loaded,
  onMatch,
}: {
  found: Exception;
  loaded: Loaded<ExceptionExplanationQuery>;
  onMatch: (target?: string) => void;
}) {
  const explained = loaded.data?.break;
  if (loaded.error) return <ProblemNotice error={loaded.error} retry={loaded.reload} />;
  if (!explained) return <Loading label="Asking the worker for the story" />;
  if (explained.explanation) {
    const { explanation } = explained;
    return (
      <>
        <Resolutions explanation={explanation} keyKind={found.keyKind} onMatch={onMatch} />
        <Story explanation={explanation} />
      </>
    );
  }
  if (explained.explanationError) {
    return (
      <div className="notice notice-warning" role="status">
        <div>
          <strong>The story cannot be shown now.</strong> {explained.explanationError}. What is on this page comes from
          the read model, and decisions can still be made.
        </div>
        <Button small onClick={loaded.reload}>
          Try again
        </Button>
      </div>
    );
  }
  return (
    <p className="card card-pad muted">
      The exception is not open, so there is nothing to explain. The history below shows how it went.
    </p>
  );
}
