// In which order a reader wants to see the leaderboard. Ranks are the server's and stay with their rows.

import type { LeaderboardRow, Value } from "../api/types";

/** A column by which rows can be ordered: one of the row's own, or a hyper-parameter. */
export type Column = { field: "rank" | "trial" | "validation_score" | "test_score" | "attempts" } | { parameter: string };

export interface Order {
  column: Column;
  descending: boolean;
}

export const BY_RANK: Order = { column: { field: "rank" }, descending: false };

export function isSame(a: Column, b: Column): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The order after a click on a column's head: scores begin with the best, a second click turns it round. */
export function clicked(order: Order, column: Column): Order {
  if (isSame(order.column, column)) return { column, descending: !order.descending };
  return { column, descending: "field" in column && column.field.endsWith("score") };
}

/** The rows in that order; equal ones by rank, those without a value last. */
export function ordered(rows: readonly LeaderboardRow[], { column, descending }: Order): LeaderboardRow[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [value(a, column), value(b, column)];
    if (left === undefined || right === undefined) {
      return Number(left === undefined) - Number(right === undefined) || a.rank - b.rank;
    }
    return sign * compared(left, right) || a.rank - b.rank;
  });
}

function value(row: LeaderboardRow, column: Column): Value | undefined {
  return "field" in column ? row[column.field] : row.parameters[column.parameter];
}

function compared(a: Value, b: Value): number {
  if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b), "en");
  return Number(a) - Number(b);
}
