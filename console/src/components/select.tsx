import { Select as Base } from "@base-ui/react/select";
import { Icon } from "./icon.tsx";

export interface Option<Value extends string> {
  value: Value;
  text: string;
}

interface Shared<Value extends string> {
  label: string;
  options: readonly Option<Value>[];
  disabled?: boolean;
}

function Popup<Value extends string>({ options }: { options: readonly Option<Value>[] }) {
  return (
    <Base.Portal>
      <Base.Positioner className="popup-layer" sideOffset={4} alignItemWithTrigger={false}>
        <Base.Popup className="popup">
          <Base.List className="popup-list">
            {options.map((option) => (
              <Base.Item key={option.value} value={option.value} className="popup-item">
                <span className="popup-check">
                  <Base.ItemIndicator>
                    <Icon name="check" size={14} />
                  </Base.ItemIndicator>
                </span>
                <Base.ItemText>{option.text}</Base.ItemText>
              </Base.Item>
            ))}
          </Base.List>
        </Base.Popup>
      </Base.Positioner>
    </Base.Portal>
  );
}

function Trigger({ label, text, active, quiet }: { label: string; text: string; active: boolean; quiet?: boolean }) {
  return (
    <Base.Trigger className={active ? "filter filter-active" : "filter"} aria-label={`${label}: ${text}`}>
      <span className="filter-label">{label}</span>
      {!quiet && <span className="filter-value">{text}</span>}
      <Icon name="down" size={12} />
    </Base.Trigger>
  );
}

/** A filter of which one value, or none, is chosen. */
export function SelectOne<Value extends string>({
  label,
  options,
  value,
  onChange,
  any = "Any",
  disabled,
}: Shared<Value> & {
  value: Value | undefined;
  onChange: (value: Value | undefined) => void;
  /** The words for "none"; null if one has to be chosen. */
  any?: string | null;
}) {
  const all = any === null ? options : [{ value: "" as Value, text: any }, ...options];
  const text = options.find((option) => option.value === value)?.text ?? any ?? "";
  return (
    <Base.Root
      disabled={disabled}
      value={value ?? ("" as Value)}
      onValueChange={(next: Value | null) => onChange(next || undefined)}
      modal={false}
    >
      <Trigger label={label} text={text} active={value !== undefined && any !== null} quiet={value === undefined} />
      <Popup options={all} />
    </Base.Root>
  );
}

/** A filter of which several values may be chosen; none means all. */
export function SelectSome<Value extends string>({
  label,
  options,
  value,
  onChange,
}: Shared<Value> & { value: readonly Value[]; onChange: (value: Value[]) => void }) {
  const chosen = options.filter((option) => value.includes(option.value));
  const text = chosen.length === 0 ? "Any" : chosen.length === 1 ? (chosen[0]?.text ?? "") : `${chosen.length} of them`;
  return (
    <Base.Root multiple value={[...value]} onValueChange={(next: Value[]) => onChange(next)} modal={false}>
      <Trigger label={label} text={text} active={chosen.length > 0} quiet={chosen.length === 0} />
      <Popup options={options} />
    </Base.Root>
  );
}
