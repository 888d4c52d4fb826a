// Plots as files: a drawing that stands alone, with the colours that are on screen, and its table.

import marks from "./marks.css?raw";
import palette from "./palette.css?raw";
import { csv, type Plot } from "./plot";
import { svgText, type SvgNode } from "./svg";

/** Colours of the page that marks use as well. */
const PAGE_COLOURS = ["--ink", "--quiet", "--card", "--accent", "--accent-soft"];

/** The drawing as the text of a file; `colourOf` says what a variable is on screen. */
export function svgFile(drawing: SvgNode, colourOf: (variable: string) => string): string {
  const variables = [...PAGE_COLOURS, ...new Set(palette.match(/--[a-z]+-?[a-z0-9]*(?=:)/g) ?? [])];
  const colours = variables.map((name) => `${name}: ${colourOf(name)};`).join(" ");
  const style = `svg.plot { ${colours} background: var(--card); }\n${marks}`;
  const attributes = { xmlns: "http://www.w3.org/2000/svg", ...drawing.attributes };
  const children = [{ tag: "style", attributes: {}, children: [style] }, ...drawing.children];
  return svgText({ ...drawing, attributes, children });
}

/** Gives the drawing to the reader as a file. */
export function saveSvg(plot: Plot, name: string): void {
  const computed = getComputedStyle(document.documentElement);
  save(`${name}.svg`, "image/svg+xml", svgFile(plot.drawing, (variable) => computed.getPropertyValue(variable).trim()));
}

/** Gives the table to the reader as a file. */
export function saveCsv(plot: Plot, name: string): void {
  save(`${name}.csv`, "text/csv", csv(plot.table));
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
