import { useRef, useState } from "react";
import { useMay } from "../../app/session.tsx";
import { client } from "../../client/client.ts";
import { useConnection } from "../../client/connection.ts";
import { persisted } from "../../client/documents.ts";
import { problemOf } from "../../client/problems.ts";
import { Button } from "../../components/button.tsx";
import { type Column, DataTable } from "../../components/data-table.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Age, Instant } from "../../components/instant.tsx";
import { Empty, Notice } from "../../components/states.tsx";
import {
  type DeadLetterPartsFragment,
  DeadLettersDocument,
  RefeedDeadLettersDocument,
  type RefeedDeadLettersMutation,
} from "../../gql/graphql.ts";
import { hexLines, pretty } from "./bytes.ts";

const PAGE = 50;
const AT_ONCE = 200;
const NONE: ReadonlySet<string> = new Set();

type Refed = RefeedDeadLettersMutation["refeedDeadLetters"];

/** Records that could not be read: why, what is in them, and feeding them again once the cause is mended. */
export function DeadLetters() {
  const may = useMay("REFEED");
  const { listing, pages } = useConnection({
    document: DeadLettersDocument,
    variables: {},
    connection: (data) => data.deadLetters,
    first: PAGE,
  });
  const [selected, setSelected] = useState(NONE);
  const [shown, setShown] = useState<DeadLetterPartsFragment | null>(null);
  const [asking, setAsking] = useState<readonly string[] | null>(null);
  const [done, setDone] = useState<Refed | null>(null);
  return (
    <>
      {done && <Outcome done={done} onDismiss={() => setDone(null)} />}
      <DataTable
        label="Dead letters"
        columns={COLUMNS}
        listing={listing}
        pages={pages}
        rowId={(row) => row.id}
        selection={may ? { ids: selected, onChange: setSelected } : undefined}
        selectLabel={(row) => `offset ${row.offset} of ${row.topic}`}
        onOpen={setShown}
        narrow={(row) => <Narrow row={row} />}
        empty={<Empty title="There are no dead letters.">Every record could be read.</Empty>}
      />
      {selected.size > 0 && (
        <div className="selection-bar" role="toolbar" aria-label="Selected dead letters">
          <span>{selected.size} selected</span>
          <Button tone="primary" small onClick={() => setAsking([...selected])}>
            Feed again
          </Button>
          <Button small tone="quiet" onClick={() => setSelected(NONE)}>
            Clear selection
          </Button>
        </div>
      )}
      {shown && (
        <Letter
          letter={shown}
          onClose={() => setShown(null)}
          onRefeed={may ? () => setAsking([shown.id]) : undefined}
        />
      )}
      {asking && (
        <RefeedDialog
          ids={asking}
          onClose={() => setAsking(null)}
          onDone={(result) => {
            setAsking(null);
            setShown(null);
            setSelected(NONE);
            setDone(result);
            void pages.reload();
          }}
        />
      )}
    </>
  );
}

function Outcome({ done, onDismiss }: { done: Refed; onDismiss: () => void }) {
  const dismiss = (
    <Button small onClick={onDismiss}>
      Dismiss
    </Button>
  );
  return (
    <Notice tone={done.refused.length > 0 ? "warning" : "success"} action={dismiss}>
      {done.refed.length === 1 ? "One record is" : `${done.refed.length} records are`} fed again.
      {done.refused.length > 0 && (
        <>
          {" "}
          {done.refused.length} refused:
          <ul className="bulleted">
            {done.refused.slice(0, 10).map((one) => (
              <li key={one.id}>
                <span className="id">{one.id}</span>: {one.reason}
              </li>
            ))}
          </ul>
        </>
      )}
    </Notice>
  );
}

function RefeedDialog({
  ids,
  onClose,
  onDone,
}: {
  ids: readonly string[];
  onClose: () => void;
  onDone: (result: Refed) => void;
}) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  // The same request again is answered, not repeated.
  const requests = useRef(new Map<number, string>());
  const sofar = useRef<Refed>({ refed: [], refused: [] });
  const next = useRef(0);
  const submit = async () => {
    setBusy(true);
    setFailure(null);
    while (next.current < ids.length) {
      const requestId = requests.current.get(next.current) ?? crypto.randomUUID();
      requests.current.set(next.current, requestId);
      const chunk = ids.slice(next.current, next.current + AT_ONCE);
      const { data, error } = await client
        .mutation(persisted(RefeedDeadLettersDocument), { requestId, ids: [...chunk] })
        .toPromise();
      if (!data) {
        const problem = error && problemOf(error);
        setFailure(`${problem?.title ?? "There was no answer."} ${problem?.advice ?? ""}`);
        setBusy(false);
        return;
      }
      const { refed, refused } = data.refeedDeadLetters;
      sofar.current = {
        refed: [...sofar.current.refed, ...refed],
        refused: [...sofar.current.refused, ...refused],
      };
      next.current += chunk.length;
    }
    onDone(sofar.current);
  };
  const what = ids.length === 1 ? "this record" : `these ${ids.length} records`;
  return (
    <Dialog
      open
      onClose={busy ? () => undefined : onClose}
      title={ids.length === 1 ? "Feed the record again" : `Feed ${ids.length} records again`}
      closeLabel="Cancel"
      actions={
        <Button tone="primary" disabled={busy} onClick={() => void submit()}>
          {busy ? "Writing" : "Feed again"}
        </Button>
      }
    >
      {failure && <Notice tone="danger">{failure}</Notice>}
      <p>
        The gateway writes {what} to the topic of origin again, byte for byte. Mend the cause first: a record that still
        cannot be read comes back as a dead letter. A record that was read meanwhile counts once.
      </p>
    </Dialog>
  );
}

function Letter({
  letter,
  onClose,
  onRefeed,
}: {
  letter: DeadLetterPartsFragment;
  onClose: () => void;
  onRefeed?: () => void;
}) {
  return (
    <Dialog
      open
      onClose={onClose}
      title={`${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`}
      shape="wide"
      actions={
        onRefeed && (
          <Button tone="primary" onClick={onRefeed}>
            Feed again
          </Button>
        )
      }
    >
      <Notice tone="danger">
        <strong>{letter.errorClass}</strong>: {letter.error}
      </Notice>
      <dl className="facts">
        <div>
          <dt>When</dt>
          <dd>
            <Instant value={letter.at} />
          </dd>
        </div>
        <div>
          <dt>Key</dt>
          <dd className="id">{letter.key ?? "none"}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{letter.size.toLocaleString("en-US")} bytes</dd>
        </div>
      </dl>
      <div className="field">
        <span className="field-label">Value</span>
        {letter.decoded ? (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it.
          <pre className="code" tabIndex={0}>
            {pretty(letter.decoded)}
          </pre>
        ) : (
          <>
            <p className="muted">The value cannot be decoded. Its bytes, the first 4 KiB at most:</p>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it. */}
            <pre className="code" tabIndex={0}>
              {hexLines(letter.bytes)}
            </pre>
          </>
        )}
      </div>
      {letter.headers.length > 0 && (
        <div className="field">
          <span className="field-label">Headers</span>
          <dl className="facts">
            {letter.headers.map((header) => (
              <div key={header.name}>
                <dt>{header.name}</dt>
                <dd className="id">{header.value}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </Dialog>
  );
}

const COLUMNS: Column<DeadLetterPartsFragment>[] = [
  { id: "topic", title: "Topic", width: "minmax(130px, 1fr)", cell: (row) => <span className="id">{row.topic}</span> },
  {
    id: "place",
    title: "Partition, offset",
    width: "110px",
    cell: (row) => `${row.partition}, ${row.offset.toLocaleString("en-US")}`,
  },
  { id: "class", title: "Error", width: "minmax(110px, 0.8fr)", cell: (row) => row.errorClass },
  {
    id: "error",
    title: "What is wrong",
    width: "minmax(200px, 2.5fr)",
    cell: (row) => <span title={row.error}>{row.error}</span>,
  },
  {
    id: "key",
    title: "Key",
    width: "minmax(90px, 0.8fr)",
    cell: (row) => <span className="id">{row.key ?? "\u2013"}</span>,
  },
  { id: "age", title: "Age", width: "52px", align: "end", cell: (row) => <Age since={row.at} /> },
];

function Narrow({ row }: { row: DeadLetterPartsFragment }) {
  return (
    <>
      <div className="table-card-line">
        <span className="id truncate">{row.topic}</span>
        <Age since={row.at} />
      </div>
      <div className="table-card-line muted">
        <span className="truncate">{row.error}</span>
      </div>
    </>
  );
}
