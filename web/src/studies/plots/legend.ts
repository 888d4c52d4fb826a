// What the colours of a plot mean, in rows above its middle.

import { svg, type SvgNode } from "./svg";

export interface LegendEntry {
  label: string;
  /** Class of its dot. */
  className: string;
}

export interface Legend {
  node: SvgNode;
  /** Pixels from the top that it needs. */
  bottom: number;
}

/** Pixels of a row of names. */
const ROW = 18;
/** Pixels of a letter, about. */
const LETTER = 7;

/** A title and the entries from `left` on, in as many rows as the width asks for. */
export function legend(title: string, entries: readonly LegendEntry[], left: number, width: number): Legend {
  let [x, y] = [left + (title === "" ? 1 : title.length + 2) * LETTER, ROW];
  const marks = entries.flatMap(({ label, className }) => {
    const needed = (label.length + 4) * LETTER;
    if (x + needed > width && x > left + LETTER) [x, y] = [left + LETTER, y + ROW];
    const at = x;
    x += needed;
    return [
      svg("path", { class: `dots large ${className}`, d: `M${at},${y - 4}h0` }),
      svg("text", { class: "legend", x: at + 9, y }, label),
    ];
  });
  const heading = title === "" ? null : svg("text", { x: left, y: ROW }, title);
  return { node: svg("g", {}, heading, ...marks), bottom: y + ROW };
}
