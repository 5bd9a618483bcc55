import { useEffect, useState } from "react";
import { Button } from "./button.tsx";

/** Puts a text into the clipboard, and says that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState<"yes" | "no" | null>(null);
  useEffect(() => {
    if (!done) return;
    const timer = window.setTimeout(() => setDone(null), 2_000);
    return () => window.clearTimeout(timer);
  }, [done]);
  return (
    <Button
      small
      tone="quiet"
      icon={done === "yes" ? "check" : "copy"}
      onClick={() =>
        void navigator.clipboard.writeText(text).then(
          () => setDone("yes"),
          () => setDone("no"),
        )
      }
    >
      <span aria-live="polite">{done === "yes" ? "Copied" : done === "no" ? "Could not be copied" : label}</span>
    </Button>
  );
}
