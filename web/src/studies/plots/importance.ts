// Importance: how much each hyper-parameter matters for the score.

import type { ImportanceRow } from "../../api/types";
import { label as nameOf } from "../../format/parameter";
import { canvas, type Plot, type Size } from "./plot";
import { svg } from "./svg";

const BAR = 18;
const GAP = 8;
const NAMES = 150;
const FIGURES = 56;
const TOP = 8;

/** The height that the bars need. */
export function importanceHeight(rows: number): number {
  return TOP * 2 + Math.max(1, rows) * (BAR + GAP);
}

export function importance(rows: readonly ImportanceRow[], size: Size): Plot {
  const most = Math.max(1e-9, ...rows.map((row) => row.importance));
  const room = Math.max(40, size.width - NAMES - FIGURES);
  const bars = rows.map((row, index) => {
    const y = TOP + index * (BAR + GAP);
    const width = Math.max(1, (row.importance / most) * room);
    return {
      hit: { x: NAMES + width, y: y + BAR / 2, label: `${nameOf(row.parameter)}: ${share(row.importance)}`, trial: undefined },
      node: svg(
        "g",
        {},
        svg("text", { class: "mark beside", x: NAMES - 8, y: y + 13 }, nameOf(row.parameter)),
        svg("rect", { class: "bar", x: NAMES, y, width, height: BAR, rx: 3 }),
        svg("text", { class: "mark after", x: NAMES + width + 6, y: y + 13 }, share(row.importance)),
      ),
    };
  });
  const [first] = rows;
  return {
    drawing: canvas(size, ...bars.map(({ node }) => node)),
    hits: bars.map(({ hit }) => hit),
    table: { columns: ["hyper-parameter", "importance"], rows: rows.map(({ parameter, importance: value }) => [nameOf(parameter), value]) },
    summary: first ? `${nameOf(first.parameter)} matters most: ${share(first.importance)}.` : "Too few trials have been scored to tell.",
  };
}

function share(value: number): string {
  return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
}
