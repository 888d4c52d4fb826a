// How far a trial has come, in epochs.

import type { Training } from "./status";

export interface Progress {
  /** The epoch being trained, from 1; 0 until the trial's length is known. */
  epoch: number;
  epochs: number;
  /** Steps done in this epoch. */
  step: number;
  stepsPerEpoch: number;
}

/** Where in its epochs a trial stands. After the last step it stands at the end of the last epoch. */
export function progress(training: Pick<Training, "step" | "steps" | "steps_per_epoch">): Progress {
  const { step, steps, steps_per_epoch: stepsPerEpoch } = training;
  if (steps <= 0 || stepsPerEpoch <= 0) return { epoch: 0, epochs: 0, step: 0, stepsPerEpoch: 0 };
  const epochs = Math.ceil(steps / stepsPerEpoch);
  const epoch = Math.min(epochs, Math.floor(step / stepsPerEpoch) + 1);
  return { epoch, epochs, step: step - (epoch - 1) * stepsPerEpoch, stepsPerEpoch };
}
