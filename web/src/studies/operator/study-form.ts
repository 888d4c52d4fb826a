// A study file (TOML) from the fields of a form. What the file means and whether it is right, the
// server knows; it answers with the line of what is wrong.

export interface StudyForm {
  name: string;
  dataset: string;
  trials: number | null;
  sampler: string;
  pruner: string;
  /** Hyper-parameters that are not left at the trainer's default. */
  parameters: readonly ParameterField[];
}

export interface ParameterField {
  name: string;
  /** `0.01`, `a, b, c`, `1e-3 to 1e-1`, or `1e-3 to 1e-1 log`. */
  text: string;
}

export const SAMPLERS = ["tpe", "sobol", "random"] as const;
export const PRUNERS = ["asha", "hyperband", "median", "none"] as const;

/** A study to begin with. */
export const BEGIN: StudyForm = {
  name: "My study",
  dataset: "mnist",
  trials: 24,
  sampler: "tpe",
  pruner: "none",
  parameters: [
    { name: "learning_rate", text: "1e-3 to 1e-1 log" },
    { name: "hidden_units", text: "32 to 256 log" },
    { name: "epochs", text: "2" },
  ],
};

/** The study file. */
export function studyFile(form: StudyForm): string {
  const lines = [
    `name = ${JSON.stringify(form.name)}`,
    `dataset = ${JSON.stringify(form.dataset)}`,
    `trials = ${form.trials ?? 1}`,
    `sampler = ${JSON.stringify(form.sampler)}`,
    `pruner = ${JSON.stringify(form.pruner)}`,
    "",
    "[space]",
    ...form.parameters.filter(({ name, text }) => name !== "" && text.trim() !== "").map(({ name, text }) => `${name} = ${entry(text.trim())}`),
  ];
  return `${lines.join("\n")}\n`;
}

/** A value, a range or choices, as TOML. */
export function entry(text: string): string {
  const [, low, high, log] = /^(\S+)\s+to\s+(\S+?)(\s+log)?$/.exec(text) ?? [];
  if (low !== undefined && high !== undefined) return range(low, high, log !== undefined);
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  const [only] = parts;
  if (parts.length > 1) return `{ type = "categorical", choices = [${parts.map(literal).join(", ")}] }`;
  return literal(only ?? text);
}

function range(low: string, high: string, isLog: boolean): string {
  const isWhole = [low, high].every((bound) => /^[+-]?\d+$/.test(bound));
  return `{ type = "${isWhole ? "int" : "float"}", low = ${low}, high = ${high}${isLog ? ", log = true" : ""} }`;
}

function literal(text: string): string {
  const isBare = text === "true" || text === "false" || /^[+-]?(\d+\.?\d*|\d+(\.\d+)?[eE][+-]?\d+)$/.test(text);
  return isBare ? text : JSON.stringify(text);
}
