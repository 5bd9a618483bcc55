import { useState } from "react";

const drafts = new Map<string, string>();

/** A text that a person is typing. It is kept when its dialog is closed, until it is written. */
export function useDraft(name: string, start = ""): [string, (text: string) => void, () => void] {
  const [text, setText] = useState(() => drafts.get(name) ?? start);
  const set = (next: string) => {
    drafts.set(name, next);
    setText(next);
  };
  return [text, set, () => drafts.delete(name)];
}
