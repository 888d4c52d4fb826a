// A drawing as plain data: made by pure functions, compared in tests, shown as elements, saved as text.

export interface SvgNode {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (SvgNode | string)[];
}

type Attributes = Record<string, string | number | undefined>;

const NAMESPACE = "http://www.w3.org/2000/svg";

/** A node; numbers are cut to a tenth of a pixel, absent attributes left out. */
export function svg(tag: string, attributes: Attributes = {}, ...children: (SvgNode | string | null)[]): SvgNode {
  const kept = Object.entries(attributes).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, typeof value === "number" ? String(tenth(value)) : value]],
  );
  return { tag, attributes: Object.fromEntries(kept), children: children.filter((child) => child !== null) };
}

/** A length to a tenth of a pixel. */
export function tenth(length: number): number {
  return Math.round(length * 10) / 10;
}

/** The node as an element of the document. */
export function svgElement(node: SvgNode): SVGElement {
  const element = document.createElementNS(NAMESPACE, node.tag);
  for (const [name, value] of Object.entries(node.attributes)) element.setAttribute(name, value);
  element.append(...node.children.map((child) => (typeof child === "string" ? child : svgElement(child))));
  return element;
}

/** The node as text, indented when `indent` is given. */
export function svgText(node: SvgNode, indent = ""): string {
  const attributes = Object.entries(node.attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  const open = `${indent}<${node.tag}${attributes.join("")}`;
  if (node.children.length === 0) return `${open}/>\n`;
  const [only] = node.children;
  if (node.children.length === 1 && typeof only === "string") return `${open}>${escaped(only)}</${node.tag}>\n`;
  const inner = node.children.map((child) =>
    typeof child === "string" ? `${indent}  ${escaped(child)}\n` : svgText(child, `${indent}  `),
  );
  return `${open}>\n${inner.join("")}${indent}</${node.tag}>\n`;
}

/** One path with a dot at each place: thousands of them cost no more than one element. */
export function dots(places: readonly { x: number; y: number }[], className: string): SvgNode | null {
  if (places.length === 0) return null;
  return svg("path", { class: `dots ${className}`, d: places.map(({ x, y }) => `M${tenth(x)},${tenth(y)}h0`).join("") });
}

/** A line through the places. */
export function line(places: readonly { x: number; y: number }[], className: string): SvgNode | null {
  if (places.length < 2) return null;
  return svg("path", { class: className, d: pathThrough(places) });
}

/** The `d` of a line through the places. */
export function pathThrough(places: readonly { x: number; y: number }[]): string {
  return places.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${tenth(x)},${tenth(y)}`).join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
