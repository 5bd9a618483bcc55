import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import { Icon } from "./icon.tsx";

/** A button that opens a list of things to do. */
export function Menu({ trigger, children, end }: { trigger: ReactElement; children: ReactNode; end?: boolean }) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className="popup-layer" sideOffset={4} align={end ? "end" : "start"}>
          <Base.Popup className="popup">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

export function MenuItem({
  onClick,
  render,
  children,
  danger,
}: {
  onClick?: () => void;
  render?: ReactElement;
  children: ReactNode;
  danger?: boolean;
}) {
  return (
    <Base.Item className={danger ? "popup-item popup-item-danger" : "popup-item"} onClick={onClick} render={render}>
      <span className="popup-check" />
      <span>{children}</span>
    </Base.Item>
  );
}

/** A choice of several, of which one holds. */
export function MenuChoice<Value extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Value;
  options: readonly { value: Value; text: string }[];
  onChange: (value: Value) => void;
}) {
  return (
    <Base.Group>
      <Base.GroupLabel className="popup-label">{label}</Base.GroupLabel>
      <Base.RadioGroup value={value} onValueChange={(next: Value) => onChange(next)}>
        {options.map((option) => (
          <Base.RadioItem key={option.value} value={option.value} className="popup-item">
            <span className="popup-check">
              <Base.RadioItemIndicator>
                <Icon name="check" size={14} />
              </Base.RadioItemIndicator>
            </span>
            {option.text}
          </Base.RadioItem>
        ))}
      </Base.RadioGroup>
    </Base.Group>
  );
}

export function MenuLine() {
  return <Base.Separator className="popup-line" />;
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return (
    <Base.Group>
      <Base.GroupLabel className="popup-label">{children}</Base.GroupLabel>
    </Base.Group>
  );
}
