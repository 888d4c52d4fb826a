import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Lane, STOP_MILLIS, type LaneHost } from "./lane.svelte";
import type { LenderOptions } from "./options";
import { FULL_PACE } from "./pace";
import type { Counts, LenderEvent, Slowdown, WorkerStatus } from "./status";

class FakeWorker {
  onmessage: ((event: { data: LenderEvent }) => void) | undefined;
  onerror: ((event: { message: string }) => void) | undefined;
  readonly heard: { kind: string }[] = [];
  isTerminated = false;

  postMessage(message: { kind: string }): void {
    this.heard.push(message);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  says(data: LenderEvent): void {
    this.onmessage?.({ data });
  }
}

function lane() {
  const workers: FakeWorker[] = [];
  const host = {
    spawn: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker as unknown as Worker;
    },
    program: {} as WebAssembly.Module,
    options: () => ({ worker: `worker ${workers.length}` }) as LenderOptions,
    pace: () => FULL_PACE,
    onReload: vi.fn(),
    onRegister: vi.fn(),
  } satisfies LaneHost;
  const last = (): FakeWorker => workers.at(-1) as FakeWorker;
  return { lane: new Lane(1, host), host, workers, last };
}

function idle(counts: Counts): LenderEvent {
  const status: WorkerStatus = { activity: "idle", why: "asking", connection: "open", counts };
  return { event: "status", status, slowdown: null, images: 0 };
}

function training(images: number, slowdown: Slowdown | null = null): LenderEvent {
  const counts = { claimed: 0, verified: 0, rejected: 0 };
  const trial = { study: 1, study_name: "s", trial: 4, attempt: 1, parameters: {}, step: 7, steps: 9, steps_per_epoch: 3 };
  const figures = { loss: 1.5, images_per_sec: 100, validation_score: null };
  const status: WorkerStatus = { activity: "training", connection: "open", counts, ...trial, ...figures };
  return { event: "status", status, slowdown, images };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("starts one worker with the program", () => {
  const { workers, host } = lane();
  expect(workers.length).toBe(1);
  expect(workers[0]?.heard).toEqual([{ kind: "start", program: host.program, options: { worker: "worker 1" }, pace: FULL_PACE }]);
});

it("shows what the worker says", () => {
  const { lane: subject, last } = lane();
  last().says(idle({ claimed: 2, verified: 1, rejected: 0 }));
  expect(subject.status).toMatchObject({ why: "asking", connection: "open" });
  expect(subject.counts).toEqual({ claimed: 2, verified: 1, rejected: 0 });
});

it("lets a stopped worker give its trial back, then ends it", () => {
  const { lane: subject, last } = lane();
  subject.stop();
  expect(last().heard.at(-1)).toEqual({ kind: "stop" });
  expect(last().isTerminated).toBe(false);
  vi.advanceTimersByTime(STOP_MILLIS);
  expect(last().isTerminated).toBe(true);
});

it("ends a worker in less than the 200 ms that stopping may take", () => {
  expect(STOP_MILLIS).toBeLessThan(200);
});

it("does not listen to a worker that was stopped", () => {
  const { lane: subject, last, host } = lane();
  subject.stop();
  last().says({ event: "register" });
  last().says(idle({ claimed: 9, verified: 9, rejected: 9 }));
  expect(host.onRegister).not.toHaveBeenCalled();
  expect(subject.counts.claimed).toBe(0);
});

it("tries again after a failure, each time later, and keeps the counts", () => {
  const { lane: subject, workers, last } = lane();
  last().says(idle({ claimed: 2, verified: 1, rejected: 0 }));
  last().says({ event: "failed", reason: "out of memory" });
  expect(last().heard.at(-1)).toEqual({ kind: "stop" });
  expect(subject.failure).toBe("Out of memory. Another try follows in 5 s.");

  vi.advanceTimersByTime(5_000);
  expect(workers.length).toBe(2);
  expect(subject.failure).toBeNull();
  last().says(idle({ claimed: 1, verified: 0, rejected: 0 }));
  expect(subject.counts).toEqual({ claimed: 3, verified: 1, rejected: 0 });

  last().onerror?.({ message: "" });
  expect(subject.failure).toBe("The worker could not be loaded. Another try follows in 10 s.");
  vi.advanceTimersByTime(9_999);
  expect(workers.length).toBe(2);
});

it("does not try again after it was stopped", () => {
  const { lane: subject, workers, last } = lane();
  last().says({ event: "failed", reason: "Out of memory." });
  subject.stop();
  vi.advanceTimersByTime(60_000);
  expect(workers.length).toBe(1);
});

it("passes on how hard it is to work", () => {
  const { lane: subject, last } = lane();
  const pace = { ...FULL_PACE, power_percent: 25 };
  subject.changePace(pace);
  expect(last().heard.at(-1)).toEqual({ kind: "pace", pace });
});

it("records the trial in hand, and why it is slow", () => {
  const { lane: subject, last } = lane();
  last().says(training(640, "busy"));
  expect(subject.record.losses).toEqual([{ step: 7, loss: 1.5 }]);
  expect(subject.situation).toMatchObject({ slowdown: "busy", wasConnected: true });
  last().says(training(700));
  expect(subject.slowdown).toBeNull();
});

it("counts images over restarts", () => {
  const { lane: subject, last } = lane();
  last().says(training(640));
  subject.restart();
  expect(subject.images).toBe(640);
  last().says(training(60));
  expect(subject.images).toBe(700);
});

it("says that everything stood still until the trial is over", () => {
  const { lane: subject, last } = lane();
  last().says({ event: "woke", millis: 90_000 });
  last().says(training(1));
  expect(subject.sleptMillis).toBe(90_000);
  last().says(idle({ claimed: 0, verified: 0, rejected: 0 }));
  expect(subject.sleptMillis).toBeNull();
});

it("restarts with the host's present options", () => {
  const { lane: subject, workers } = lane();
  subject.restart();
  expect(workers.length).toBe(2);
  expect(workers[0]?.heard.at(-1)).toEqual({ kind: "stop" });
  expect(workers[1]?.heard[0]).toMatchObject({ options: { worker: "worker 2" } });
});

it("leaves reloading and registering to the page", () => {
  const { last, host } = lane();
  last().says({ event: "reload" });
  last().says({ event: "register" });
  expect(host.onReload).toHaveBeenCalledOnce();
  expect(host.onRegister).toHaveBeenCalledOnce();
});
