import type { MoneyPartsFragment } from "../gql/graphql.ts";

/** The digits of an amount: exact at any size, since minor units stay text or bigint. `decimals` of the currency. */
export function digits(minor: string | bigint, decimals: number): string {
  const value = BigInt(minor);
  const text = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = text.slice(0, text.length - decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${value < 0n ? "\u2212" : ""}${whole}${decimals > 0 ? `.${text.slice(-decimals)}` : ""}`;
}

/** Where a break has no amount, as when two payments claim one reference. */
export const NO_CURRENCY = "XXX";

/** An amount as text, for titles and sentences: `USD 1,234.50`. */
export function amount(money: MoneyPartsFragment): string {
  if (money.currency === NO_CURRENCY) return "no amount";
  return `${money.currency} ${digits(money.minor, money.decimals)}`;
}

/** Minor units of what a person typed in major units, or null if it is no amount of that many decimals. */
export function minorOf(text: string, decimals: number): string | null {
  const match = /^([-\u2212]?)(\d[\d,]*)(?:\.(\d+))?$/.exec(text.trim());
  if (!match) return null;
  const [, sign = "", whole = "", fraction = ""] = match;
  if (fraction.length > decimals) return null;
  const minor = BigInt(whole.replaceAll(",", "") + fraction.padEnd(decimals, "0"));
  return (sign ? -minor : minor).toString();
}

/** The sum of amounts of one currency. */
export function sum(amounts: readonly MoneyPartsFragment[]): MoneyPartsFragment | null {
  const [first] = amounts;
  if (!first) return null;
  const total = amounts.reduce((sofar, one) => {
    if (one.currency !== first.currency) throw new Error("Amounts of two currencies have no sum.");
    return sofar + BigInt(one.minor);
  }, 0n);
  return { ...first, minor: total.toString() };
}

interface Options {
  value: MoneyPartsFragment | null | undefined;
  /** Where null means that the amount is not known. */
  missing?: string;
  /** A difference: with a plus where it is positive. */
  signed?: boolean;
  /** Without the currency, where a heading names it. */
  bare?: boolean;
}

/** An amount in its currency; columns of amounts align right. */
export function Money({ value, missing = "\u2013", signed, bare }: Options) {
  if (!value || value.currency === NO_CURRENCY) return <span className="muted">{missing}</span>;
  const zero = BigInt(value.minor) === 0n;
  const plus = signed && !zero && !value.minor.startsWith("-") ? "+" : "";
  return (
    <span className={zero ? "money money-zero" : "money"}>
      {!bare && <span className="money-currency">{value.currency} </span>}
      {plus}
      {digits(value.minor, value.decimals)}
    </span>
  );
}
