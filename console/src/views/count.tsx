import type { CountPartsFragment } from "../gql/graphql.ts";

/** `1,204 payments`, or `more than 10,000 payments` where the gateway stopped counting. */
export function Count({ count, one, many }: { count: CountPartsFragment | null; one: string; many: string }) {
  if (!count) return null;
  const exact = count.value.toLocaleString("en-US");
  if (count.atLeast)
    return (
      <>
        More than {(count.value - 1).toLocaleString("en-US")} {many}
      </>
    );
  return (
    <>
      {exact} {count.value === 1 ? one : many}
    </>
  );
}
