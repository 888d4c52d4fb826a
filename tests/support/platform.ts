// What a training runs on, as the tests of the numeric contract see it: a leg of a training goes in
// as files and comes out as a file, whoever trains it.

/** A part of a training, from a checkpoint or the beginning to a step. Everything big is a path. */
export interface Leg {
  setting: Readonly<Record<string, unknown>>;
  /** A whole number as text. */
  seed: string;
  training: string;
  validation: string;
  classes: number;
  checkpoint?: string;
  /** The step after which it ends. */
  until: number;
  /** Where its checkpoint goes. */
  result: string;
}

/** After which step a leg ended; or, where the training diverged, the trainer's words. */
export type Ending = { step: number } | { diverged: string };

export interface Platform {
  run(leg: Leg): Promise<Ending>;
  close(): Promise<void>;
}

/** What an error of the wasm module is: a result, or a fault of the test's. */
export function endingOf(error: unknown): Ending {
  const message = error instanceof Error ? error.message : String(error);
  if (!message.startsWith("diverged at step ")) throw error;
  return { diverged: message };
}
