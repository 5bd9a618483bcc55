const ROW = 16;

/** Bytes as people read them: offset, hexadecimal, and what is printable. From base64. */
export function hexLines(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = [...bytes.slice(at, at + ROW)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const plain = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(ROW * 3 - 1)}  ${plain}`);
  }
  return lines.join("\n");
}

const STRING_OR_PUNCTUATION = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * JSON with a member on each line. The text of each value stays as it is: parsing it would round whole numbers above
 * 2^53, and amounts may be larger.
 */
export function pretty(json: string): string {
  let depth = 0;
  let text = "";
  const tokens = json.match(STRING_OR_PUNCTUATION) ?? [];
  tokens.forEach((token, at) => {
    const line = () => `\n${"  ".repeat(depth)}`;
    if (token === "{" || token === "[") {
      const empty = tokens[at + 1] === "}" || tokens[at + 1] === "]";
      depth++;
      text += token + (empty ? "" : line());
    } else if (token === "}" || token === "]") {
      const empty = tokens[at - 1] === "{" || tokens[at - 1] === "[";
      depth--;
      text += (empty ? "" : line()) + token;
    } else if (token === ",") text += token + line();
    else if (token === ":") text += ": ";
    else text += token;
  });
  return text;
}
