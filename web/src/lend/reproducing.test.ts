import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { ReproduceEvent } from "./reproduce-worker";
import { Reproducing } from "./reproducing.svelte";

const program = vi.hoisted(() => ({ compiledProgram: vi.fn() }));
const api = vi.hoisted(() => ({ reproduction: vi.fn() }));
vi.mock("../page/program", () => program);
vi.mock("../api/client", () => api);

class FakeWorker {
  static last: FakeWorker | undefined;
  onmessage: ((event: { data: ReproduceEvent }) => void) | undefined;
  order: unknown;
  isTerminated = false;

  constructor() {
    FakeWorker.last = this;
  }

  postMessage(order: unknown): void {
    this.order = order;
  }

  terminate(): void {
    this.isTerminated = true;
  }

  says(data: ReproduceEvent): void {
    this.onmessage?.({ data });
  }
}

const RECIPE = { study: 1, trial: 4, weights_sha256: "aa" };
const PROGRESS: ReproduceEvent = { event: "progress", step: 1, steps: 2, stepsPerEpoch: 1, imagesPerSec: 3 };

beforeEach(() => {
  vi.stubGlobal("Worker", FakeWorker);
  FakeWorker.last = undefined;
  program.compiledProgram.mockResolvedValue({});
  api.reproduction.mockResolvedValue(RECIPE);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

async function started() {
  const reproducing = new Reproducing();
  await reproducing.load({ study: 1, trial: 4 });
  await reproducing.start(50);
  return { reproducing, worker: FakeWorker.last as unknown as FakeWorker };
}

it("computes nothing before it is started", async () => {
  const reproducing = new Reproducing();
  await reproducing.load({ study: 1, trial: 4 });
  expect(api.reproduction).toHaveBeenCalledExactlyOnceWith(1, 4);
  expect(reproducing).toMatchObject({ recipe: RECIPE, stage: "ready", isOn: false });
  expect(FakeWorker.last).toBeUndefined();
  expect(program.compiledProgram).not.toHaveBeenCalled();
});

it("follows the training, and finds equal weights equal", async () => {
  const { reproducing, worker } = await started();
  expect(worker.order).toMatchObject({ recipe: RECIPE, power: 50 });
  worker.says(PROGRESS);
  worker.says({ event: "scored", score: 0.9 });
  expect(reproducing).toMatchObject({ stage: "training", isOn: true, score: 0.9, progress: PROGRESS });
  worker.says({ event: "ended", weightsSha256: "aa" });
  expect(reproducing).toMatchObject({ stage: "equal", isOn: false, weightsSha256: "aa" });
  expect(worker.isTerminated).toBe(true);
});

it("finds other weights different", async () => {
  const { reproducing, worker } = await started();
  worker.says({ event: "ended", weightsSha256: "ab" });
  expect(reproducing.stage).toBe("different");
});

it("stops at once and hears nothing afterwards", async () => {
  const { reproducing, worker } = await started();
  worker.says(PROGRESS);
  reproducing.stop();
  expect(worker.isTerminated).toBe(true);
  worker.says({ event: "ended", weightsSha256: "aa" });
  expect(reproducing).toMatchObject({ stage: "ready", progress: undefined });
});

it("says why it could not, and can be started again", async () => {
  const { reproducing, worker } = await started();
  worker.says({ event: "failed", reason: "out of memory" });
  expect(reproducing).toMatchObject({ stage: "ready", trouble: "Out of memory." });
  await reproducing.start(50);
  expect(reproducing).toMatchObject({ stage: "preparing", trouble: null });
});

it("says that there is nothing to compare with", async () => {
  api.reproduction.mockRejectedValueOnce(new Error("The trial has no verified weights."));
  const reproducing = new Reproducing();
  await reproducing.load({ study: 1, trial: 9 });
  expect(reproducing).toMatchObject({ recipe: undefined, trouble: "The trial has no verified weights." });
  await reproducing.start(100);
  expect(FakeWorker.last).toBeUndefined();
});
