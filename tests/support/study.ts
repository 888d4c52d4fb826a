// Study files for tests.

/** A hyper-parameter's value, fixed for the whole study. */
type Value = boolean | number | string;

export interface StudyFile {
  name?: string;
  /** Path of a folder, or a name that the server knows. */
  dataset: string;
  trials: number;
  seed?: number;
  /** Values that are the same in all trials; what is left out takes the trainer's default. */
  fixed: Readonly<Record<string, Value>>;
  /** Names with the values that trials may take. */
  choices?: Readonly<Record<string, readonly Value[]>>;
  /** Settings of the first trials. */
  enqueued?: readonly Readonly<Record<string, Value>>[];
}

/** A net that a tab trains in a moment and that still learns. */
export const SMALL = {
  conv1_channels: 8,
  conv2_channels: 16,
  hidden_units: 32,
  batch_size: 32,
  shift_px: 0,
  epochs: 1,
} as const;

/** The study as TOML. */
export function studyFile({ name = "Test", dataset, trials, seed = 1, fixed, choices = {}, enqueued = [] }: StudyFile): string {
  const swept = Object.entries(choices).map(([key, values]) => `${key} = { type = "categorical", choices = ${JSON.stringify(values)} }`);
  return [
    `name = ${JSON.stringify(name)}`,
    `dataset = ${JSON.stringify(dataset)}`,
    `trials = ${trials}`,
    `seed = ${seed}`,
    "[space]",
    ...lines(fixed),
    ...swept,
    ...enqueued.flatMap((setting) => ["[[enqueue]]", ...lines(setting)]),
    "",
  ].join("\n");
}

function lines(values: Readonly<Record<string, Value>>): string[] {
  return Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
}
