import { useState } from "react";
import { useMutation, useQuery } from "urql";
import { persisted } from "../../client/documents.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Instant, useNow } from "../../components/instant.tsx";
import { Page } from "../../components/page.tsx";
import { Empty, Loading, ProblemNotice } from "../../components/states.tsx";
import { Chip } from "../../components/status.tsx";
import { TableCard } from "../../components/table-card.tsx";
import { type ApiTokenPartsFragment, ApiTokensDocument, RevokeApiTokenDocument } from "../../gql/graphql.ts";
import { ROLE } from "../../labels/labels.ts";
import { CreateDialog } from "./create-dialog.tsx";

const OF_TOKENS = { additionalTypenames: ["ApiToken"] };

/** API tokens: for programs, each with a role and properties of its own. */
export function Tokens() {
  const [{ data, error, fetching }, again] = useQuery({ query: persisted(ApiTokensDocument), context: OF_TOKENS });
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiTokenPartsFragment | null>(null);
  const reload = () => again({ requestPolicy: "network-only" });
  const tokens = data?.apiTokens ?? [];
  return (
    <Page
      title="API tokens"
      summary="For programs. A token has a role and properties of its own, and cannot accept or approve."
      actions={
        <Button tone="primary" onClick={() => setCreating(true)}>
          Create a token
        </Button>
      }
    >
      {error && <ProblemNotice error={error} retry={reload} />}
      {!data && fetching && <Loading />}
      {data && tokens.length === 0 && (
        <Empty title="There are no API tokens.">Create one for each program, so that each can be revoked alone.</Empty>
      )}
      {tokens.length > 0 && (
        <TableCard label="API tokens">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">State</th>
              <th scope="col">Role</th>
              <th scope="col">Properties</th>
              <th scope="col">Queries</th>
              <th scope="col">Created</th>
              <th scope="col">Expires</th>
              <th scope="col">Last used</th>
              <th scope="col">
                <span className="hidden-text">Revoke</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tokens.map((token) => (
              <Row key={token.id} token={token} onRevoke={() => setRevoking(token)} />
            ))}
          </tbody>
        </TableCard>
      )}
      {creating && <CreateDialog onClose={() => setCreating(false)} onCreated={reload} />}
      {revoking && <RevokeDialog token={revoking} onClose={() => setRevoking(null)} onRevoked={reload} />}
    </Page>
  );
}

function Row({ token, onRevoke }: { token: ApiTokenPartsFragment; onRevoke: () => void }) {
  const now = useNow();
  const expired = Date.parse(token.expiresAt) <= now;
  const usable = !token.revokedAt && !expired;
  return (
    <tr>
      <th scope="row">
        {token.name}
        <div className="muted id">{token.id}</div>
      </th>
      <td>
        {token.revokedAt ? <Chip>Revoked</Chip> : expired ? <Chip>Expired</Chip> : <Chip tone="success">Works</Chip>}
      </td>
      <td>{ROLE[token.role]}</td>
      <td>{token.properties ? <span className="id">{token.properties.join(", ") || "None"}</span> : "All"}</td>
      <td>{token.freeQueries ? "Its own" : "The console's"}</td>
      <td>
        <Instant value={token.createdAt} />
        <div className="muted">by {token.createdBy}</div>
      </td>
      <td>
        <Instant value={token.expiresAt} />
      </td>
      <td className="nowrap">{token.lastUsed ?? <span className="muted">Never</span>}</td>
      <td className="number">
        {usable && (
          <Button small onClick={onRevoke} aria-label={`Revoke ${token.name}`}>
            Revoke
          </Button>
        )}
      </td>
    </tr>
  );
}

function RevokeDialog({
  token,
  onClose,
  onRevoked,
}: {
  token: ApiTokenPartsFragment;
  onClose: () => void;
  onRevoked: () => void;
}) {
  const [{ fetching, error }, revoke] = useMutation(persisted(RevokeApiTokenDocument));
  const submit = async () => {
    const done = await revoke({ id: token.id }, OF_TOKENS);
    if (done.error) return;
    onRevoked();
    onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Revoke ${token.name}`}
      closeLabel="Cancel"
      actions={
        <Button tone="danger" disabled={fetching} onClick={() => void submit()}>
          Revoke
        </Button>
      }
    >
      {error && <ProblemNotice error={error} />}
      <p>Programs that use it are refused from now on. It cannot be brought back; a new token has another secret.</p>
    </Dialog>
  );
}
