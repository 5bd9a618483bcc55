/** Filters in the URL: plain `name=value`, several values separated by commas. What is unknown is named, not guessed. */

export type RawSearch = Record<string, string>;

/** How one parameter is read and written. `read` answers undefined where the text is no value of it. */
export interface Parameter<Value> {
  read: (text: string) => Value | undefined;
}

/** Any text. */
export const text: Parameter<string> = { read: (raw) => raw.trim() || undefined };

/** A day, `2026-07-01`. */
export const day: Parameter<string> = {
  read: (raw) => (/^\d{4}-\d{2}-\d{2}$/.test(raw) && !Number.isNaN(Date.parse(raw)) ? raw : undefined),
};

/** An amount in minor units. */
export const minor: Parameter<string> = { read: (raw) => (/^-?\d{1,18}$/.test(raw) ? raw : undefined) };

/** An ISO 4217 code. */
export const currency: Parameter<string> = {
  read: (raw) => (/^[A-Za-z]{3}$/.test(raw) ? raw.toUpperCase() : undefined),
};

/** One of a closed set. */
export function oneOf<Value extends string>(values: readonly Value[]): Parameter<Value> {
  return { read: (raw) => values.find((value) => value === raw) };
}

/** Some of a closed set; unknown ones make the whole unknown. */
export function someOf<Value extends string>(values: readonly Value[]): Parameter<Value[]> {
  return {
    read: (raw) => {
      const parts = raw.split(",").filter(Boolean);
      const found = values.filter((value) => parts.includes(value));
      return found.length === parts.length && found.length > 0 ? found : undefined;
    },
  };
}

export type Parameters = Record<string, Parameter<unknown>>;
export type SearchOf<P extends Parameters> = { [K in keyof P]?: P[K] extends Parameter<infer Value> ? Value : never };

/**
 * Reads the parameters that a page knows. The rest of a link is put under `ignored`, which the page shows: a link that is
 * only half understood must not pass for the whole.
 */
export function reader<P extends Parameters>(
  parameters: P,
): (raw: Record<string, unknown>) => SearchOf<P> & { ignored?: string } {
  return (raw) => {
    const found: Record<string, unknown> = {};
    const ignored: string[] = [];
    for (const [name, value] of Object.entries(raw)) {
      const written = Array.isArray(value) ? value.join(",") : String(value ?? "");
      const read = written && Object.hasOwn(parameters, name) ? parameters[name]?.read(written) : undefined;
      // What is not read is undefined rather than absent: the router would put the raw value back.
      found[name] = read;
      if (read === undefined && written) ignored.push(name === "ignored" ? written : `${name}=${written}`);
    }
    if (ignored.length > 0) found.ignored = ignored.join("; ");
    return found as SearchOf<P> & { ignored?: string };
  };
}

/** The names of the filters that are set. */
export function given<Search extends object>(search: Search): (keyof Search)[] {
  return (Object.keys(search) as (keyof Search)[]).filter((name) => search[name] !== undefined);
}

export function parseSearch(query: string): RawSearch {
  return Object.fromEntries([...new URLSearchParams(query)].filter(([, value]) => value !== ""));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const parts = Object.entries(search)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => {
      const values = (Array.isArray(value) ? value : [value]).map((one) => encodeURIComponent(String(one)));
      return values.length > 0 ? `${encodeURIComponent(name)}=${values.join(",")}` : "";
    })
    .filter(Boolean);
  return parts.length > 0 ? `?${parts.join("&")}` : "";
}

/** The members of a GraphQL enum as they are in URLs. */
export function lower<Value extends string>(values: readonly Value[]): Lowercase<Value>[] {
  return values.map((value) => value.toLowerCase() as Lowercase<Value>);
}

/** A URL's value as a member of its GraphQL enum. */
export function upper<Value extends string>(value: Value): Uppercase<Value> {
  return value.toUpperCase() as Uppercase<Value>;
}
