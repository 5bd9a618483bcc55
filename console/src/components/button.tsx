import type { AnchorHTMLAttributes, ButtonHTMLAttributes } from "react";
import { Icon, type IconName } from "./icon.tsx";

type Tone = "primary" | "plain" | "quiet" | "danger";

interface Look {
  tone?: Tone;
  icon?: IconName;
  small?: boolean;
}

function classes({ tone = "plain", small }: Look, more?: string): string {
  return ["button", `button-${tone}`, small && "button-small", more].filter(Boolean).join(" ");
}

export function Button({
  tone,
  icon,
  small,
  className,
  children,
  ...rest
}: Look & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" className={classes({ tone, small }, className)} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A link that looks like a button: a page outside of the console, or a download. */
export function ButtonLink({
  tone,
  icon,
  small,
  className,
  children,
  ...rest
}: Look & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return (
    <a className={classes({ tone, small }, className)} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}
