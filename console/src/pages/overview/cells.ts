import { sum } from "../../components/money.tsx";
import type { AgeBucket, BreakClass, MoneyPartsFragment, OverviewQuery } from "../../gql/graphql.ts";

export type BreakCell = OverviewQuery["overview"]["breaks"][number];
export type LateCell = OverviewQuery["overview"]["late"][number];

export const AGES: readonly AgeBucket[] = ["HOURS_24", "DAYS_7", "DAYS_30", "OLDER"];

/** One row of the matrix: a class, with its counts by age. */
export interface ClassRow {
  class: BreakClass;
  title: string;
  priority: number;
  byAge: Record<AgeBucket, number>;
  count: number;
  /** Of each currency: amounts of two currencies have no sum. */
  gross: MoneyPartsFragment[];
}

function grouped<Key, Value>(values: readonly Value[], key: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  return groups;
}

function total(cells: readonly { count: number }[]): number {
  return cells.reduce((sofar, cell) => sofar + cell.count, 0);
}

/** The sums of the amounts by currency, in the order of the codes. */
function byCurrency<Cell extends { currency: string }>(
  cells: readonly Cell[],
  amount: (cell: Cell) => MoneyPartsFragment,
): MoneyPartsFragment[] {
  return [...grouped(cells, (cell) => cell.currency)]
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([, of]) => sum(of.map(amount)) ?? []);
}

/** A row for each class that is open, the most pressing first, then the one with the most breaks. */
export function classRows(cells: readonly BreakCell[]): ClassRow[] {
  return [...grouped(cells, (cell) => cell.class)]
    .flatMap(([name, of]) => {
      const [first] = of;
      if (!first) return [];
      const count = (age: AgeBucket) => total(of.filter((cell) => cell.age === age));
      return {
        class: name,
        title: first.title,
        priority: first.priority,
        byAge: {
          HOURS_24: count("HOURS_24"),
          DAYS_7: count("DAYS_7"),
          DAYS_30: count("DAYS_30"),
          OLDER: count("OLDER"),
        },
        count: total(of),
        gross: byCurrency(of, (cell) => cell.gross),
      };
    })
    .sort((a, b) => a.priority - b.priority || b.count - a.count);
}

/** How many are open in all, by priority, and by how far people are with them. */
export function headline(cells: readonly BreakCell[]) {
  return {
    count: total(cells),
    byPriority: [1, 2, 3].map((priority) => ({
      priority,
      count: total(cells.filter((cell) => cell.priority === priority)),
    })),
    undecided: total(cells.filter((cell) => cell.decision === null)),
    waiting: total(cells.filter((cell) => cell.decision === "ACCEPT_REQUESTED")),
  };
}

/** Money in open breaks: gross is the sum of the differences' sizes, net is what remains when they offset each other. */
export function moneyRows(cells: readonly BreakCell[]) {
  return [...grouped(cells, (cell) => cell.currency)]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([currency, of]) => ({
      currency,
      count: total(of),
      gross: sum(of.map((cell) => cell.gross)),
      net: sum(of.map((cell) => cell.net)),
    }));
}

/** What part of a whole an amount is, for the width of a bar; nothing where the whole is nothing. */
export function share(part: MoneyPartsFragment, whole: MoneyPartsFragment): number {
  const all = BigInt(whole.minor);
  if (all <= 0n) return 0;
  const thousandths = (BigInt(part.minor) * 1000n) / all;
  return Math.max(0, Math.min(1, Number(thousandths) / 1000));
}
