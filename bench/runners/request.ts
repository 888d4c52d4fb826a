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

export interface Label {
  do: "label";
  /** The network's input, or the photo's file: then decoding and resizing are timed too. */
  from: "input" | "photo";
  seconds: number;
}

export interface MeasureKernels {
  do: "kernels";
  setting: Setting;
  seconds: number;
}

export interface Sweep {
  do: "sweep";
  /** Study file. */
  study: string;
  /** Folder for the server's state; it does not exist yet. */
  state: string;
  /** Folder of MNIST. */
  mnist: string;
  tabs: number;
  /** After this the study is left as it is. */
  limit_secs: number;
}

export type Request = Measure | Label | Train | MeasureKernels | Sweep | { do: "memory" } | { do: "peak"; seconds: number };

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

/** One tab's worker. */
export interface WorkerAnswer {
  name: string;
  leases: number;
  /** With a lease in hand. */
  busy_secs: number;
  /** From its first lease to the study's end. */
  present_secs: number;
}

/** A verified trial. */
export interface TrialAnswer {
  trial: number;
  validation_score: number;
  test_score: number;
  /** Since the tabs were opened. */
  verified_secs: number;
  parameters: Record<string, unknown>;
}

/** A study from the first tab to its end. */
export interface SweepAnswer {
  wall_secs: number;
  state: string;
  /** Trials by state. */
  counts: Record<string, number>;
  workers: WorkerAnswer[];
  /** Best first. */
  trials: TrialAnswer[];
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
