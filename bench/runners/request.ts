// What a runner is asked and what it answers. The native runner and PyTorch's speak the same, one
// line of JSON each way.

/** A setting of hyper-parameters, and at least those that every runner has to know. */
export interface Setting {
  batch_size: number;
  [name: string]: unknown;
}

/** Whole steps, or classification. */
export type Work = "step" | "forward";

export interface Measure {
  do: "measure";
  work: Work;
  setting: Setting;
  seconds: number;
}

export interface Train {
  do: "train";
  setting: Setting;
  seed: number;
}

export interface MeasureKernels {
  do: "kernels";
  setting: Setting;
  seconds: number;
}

export type Request = Measure | Train | MeasureKernels | { do: "memory" } | { do: "peak"; seconds: number };

export interface Measurement {
  images: number;
  seconds: number;
}

/** A whole training, its parts timed apart. */
export interface Run {
  training_secs: number;
  scoring_secs: number;
  /** From the first weight to the last score. */
  whole_secs: number;
  validation_correct: number;
  validation_count: number;
  test_correct: number;
  test_count: number;
}

export interface Peak {
  gflops: number;
  chains: number;
}

export interface KernelSpeed {
  name: string;
  gflops: number;
  /** Of one call, for a whole batch. */
  micros: number;
}
