import { useNavigate } from "@tanstack/react-router";
import { Button } from "../components/button.tsx";
import { Notice } from "../components/states.tsx";

/** Parts of the link that the page does not understand: it shows more than the link meant. */
export function Ignored({ parts }: { parts: string | undefined }) {
  const navigate = useNavigate();
  if (!parts) return null;
  return (
    <Notice
      tone="warning"
      action={
        <Button
          small
          onClick={() =>
            void navigate({ to: ".", search: (before: object) => ({ ...before, ignored: undefined }), replace: true })
          }
        >
          Dismiss
        </Button>
      }
    >
      The link has filters that this page does not know, and shows the list without them: <code>{parts}</code>
    </Notice>
  );
}
