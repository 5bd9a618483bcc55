import type { TypedDocumentNode } from "@urql/core";

/**
 * The document as urql sends it: by its id (`documentId`), without its text, which the browser does not have.
 *
 * The generator puts the id under `__meta__`; urql expects it on the document.
 */
export function persisted<Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Variables>,
): TypedDocumentNode<Data, Variables> {
  const known = prepared.get(document);
  if (known) return known as TypedDocumentNode<Data, Variables>;
  const meta = (document as unknown as { __meta__?: { documentId?: string } }).__meta__;
  if (!meta?.documentId) throw new Error("A document without an id: run `npm run generate`.");
  const ready = { kind: "Document", definitions: [], documentId: meta.documentId };
  prepared.set(document, ready);
  return ready as unknown as TypedDocumentNode<Data, Variables>;
}

const prepared = new WeakMap<object, object>();
