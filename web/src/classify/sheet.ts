// The sheet of results of many pictures: a row for each digit, which rows are shown in which order,
// and all of it as CSV.

/** A digit in one of many pictures. */
export interface Row {
  /** The picture's name, with its folder. */
  picture: string;
  /** Which of the picture's digits, from 1 in reading order. */
  digit: number;
  class: number;
  /** How likely the chosen model finds the class, from 0 to 1. */
  confidence: number;
  /** How many of the models asked say the same. */
  votes: number;
  models: number;
  /** `[28, 28]`, white on black. */
  pixels: Uint8Array;
}

/** Which rows are shown. */
export interface Filter {
  /** Only this class; all where there is none. */
  class: number | undefined;
  /** Confidence from and to, both included. */
  least: number;
  most: number;
}

export const ALL: Filter = { class: undefined, least: 0, most: 1 };

export type Column = "picture" | "class" | "confidence" | "votes";

export interface Order {
  column: Column;
  descending: boolean;
}

export const BY_PICTURE: Order = { column: "picture", descending: false };

/** The order after a click on a column's head; a second click turns it round. */
export function clicked(order: Order, column: Column): Order {
  return { column, descending: order.column === column && !order.descending };
}

/** The rows that pass, in order; equal ones as the pictures came. */
export function shown(rows: readonly Row[], filter: Filter, { column, descending }: Order): Row[] {
  const sign = descending ? -1 : 1;
  return rows.filter((row) => passes(row, filter)).sort((a, b) => sign * compared(a[column], b[column]));
}

function passes(row: Row, { class: wanted, least, most }: Filter): boolean {
  return (wanted === undefined || row.class === wanted) && row.confidence >= least && row.confidence <= most;
}

const names = new Intl.Collator("en", { numeric: true });

function compared(a: string | number, b: string | number): number {
  return typeof a === "string" || typeof b === "string" ? names.compare(String(a), String(b)) : a - b;
}

/** Rows as CSV (RFC 4180), with a head. */
export function csv(rows: readonly Row[]): string {
  const lines = rows.map(({ picture, digit, class: of, confidence, votes, models }) =>
    [quoted(picture), digit, of, confidence.toFixed(6), votes, models].join(","),
  );
  return ["picture,digit,class,confidence,votes,models", ...lines, ""].join("\r\n");
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
