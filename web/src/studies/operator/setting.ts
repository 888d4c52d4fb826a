// An operator's own setting, from fields to values. Which values a study allows, the server knows.

import type { Parameters, Value } from "../../api/types";
import type { Range } from "../space";

/** Values by name from the texts of fields; empty ones are left to the sampler. */
export function setting(texts: Readonly<Record<string, string>>, ranges: ReadonlyMap<string, Range>): Parameters {
  const filled = Object.entries(texts).filter(([, text]) => text.trim() !== "");
  return Object.fromEntries(filled.map(([name, text]) => [name, value(text.trim(), ranges.get(name))]));
}

function value(text: string, range: Range | undefined): Value {
  if (range?.type === "categorical") return range.choices.find((choice) => String(choice) === text) ?? text;
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}
