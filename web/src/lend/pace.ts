// How hard each core is worked, as the wasm module reads it.

import type { Choices } from "./choices";

export interface Pace {
  power_percent: number;
  /** Whether to make room when something else needs the computer. */
  yields: boolean;
  /** Whether the tab can't be seen. */
  is_hidden: boolean;
  /** Cores of this tab that train: they may slow each other. */
  training_cores: number;
}

export const FULL_PACE: Pace = { power_percent: 100, yields: false, is_hidden: false, training_cores: 1 };

/** The pace that a volunteer has chosen, as things are. */
export function chosenPace({ power, yields }: Choices, isHidden: boolean, trainingCores: number): Pace {
  return { power_percent: power, yields, is_hidden: isHidden, training_cores: trainingCores };
}
