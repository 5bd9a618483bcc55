import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** The buttons that do it; "Cancel" or "Close" is added before them. */
  actions?: ReactNode;
  closeLabel?: string;
  children: ReactNode;
  /** `drawer`: from the side, for navigation and details. */
  shape?: "dialog" | "wide" | "drawer";
}

/** A modal dialog: Escape closes it, and the focus goes back to where it was. */
export function Dialog({ open, onClose, title, actions, closeLabel = "Close", children, shape = "dialog" }: Props) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="dialog-backdrop" />
        <Base.Popup className={`dialog dialog-${shape}`}>
          <Base.Title className="dialog-title">{title}</Base.Title>
          <div className="dialog-body">{children}</div>
          <div className="dialog-actions">
            <Base.Close render={<Button tone="plain">{closeLabel}</Button>} />
            {actions}
          </div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
