import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Lending } from "./lending.svelte";
import { memoryStorage } from "./memory-storage";
import { FULL_PACE } from "./pace";
import { takeResumption } from "./reload";
import type { LenderEvent, WorkerStatus } from "./status";

const program = vi.hoisted(() => ({ compiledProgram: vi.fn() }));
const volunteer = vi.hoisted(() => ({ tokenFor: vi.fn(), dropToken: vi.fn() }));
vi.mock("../page/program", () => program);
vi.mock("./volunteer", () => volunteer);

class FakeWorker {
  static all: FakeWorker[] = [];
  onmessage: ((event: { data: LenderEvent }) => void) | undefined;
  token: unknown;
  pace: unknown;
  isStopped = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(message: { kind: string; options?: { volunteer_token: string }; pace?: unknown }): void {
    if (message.kind === "start") this.token = message.options?.volunteer_token;
    if (message.kind === "stop") this.isStopped = true;
    if (message.pace) this.pace = message.pace;
  }

  terminate(): void {}

  says(data: LenderEvent): void {
    this.onmessage?.({ data });
  }
}

const running = (): FakeWorker[] => FakeWorker.all.filter(({ isStopped }) => !isStopped);
const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const reload = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("sessionStorage", memoryStorage());
  vi.stubGlobal("location", { protocol: "http:", host: "here", origin: "http://here", reload });
  program.compiledProgram.mockResolvedValue({});
  let registered = 0;
  volunteer.tokenFor.mockImplementation(() => Promise.resolve(`token ${(registered += 1)}`));
});

afterEach(() => {
  FakeWorker.all = [];
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

it("makes and fetches nothing before it is started", async () => {
  const lending = new Lending();
  lending.resize(4);
  await settled();
  expect(FakeWorker.all).toEqual([]);
  expect(program.compiledProgram).not.toHaveBeenCalled();
  expect(volunteer.tokenFor).not.toHaveBeenCalled();
});

it("runs one worker per core, and more or fewer when asked", async () => {
  const lending = new Lending();
  await lending.start(2, "Ada");
  expect(running().map(({ token }) => token)).toEqual(["token 1", "token 1"]);
  lending.resize(3);
  expect(running().length).toBe(3);
  lending.resize(1);
  expect(running()).toEqual([FakeWorker.all[0]]);
  expect(lending.lanes.map(({ core }) => core)).toEqual([1]);
  lending.stop();
  expect(running()).toEqual([]);
});

it("starts nothing when it was stopped before it was ready", async () => {
  const lending = new Lending();
  const started = lending.start(2, "");
  lending.stop();
  await started;
  expect(FakeWorker.all).toEqual([]);
  expect(lending.isOn).toBe(false);
});

it("says why it could not start, and can be started again", async () => {
  const lending = new Lending();
  volunteer.tokenFor.mockRejectedValueOnce(new Error("The server does not answer."));
  await lending.start(1, "");
  expect(lending.isOn).toBe(false);
  expect(lending.trouble).toBe("The server does not answer.");
  await lending.start(1, "");
  expect(lending.trouble).toBeNull();
  expect(running().length).toBe(1);
});

it("registers once when several workers find that they are unknown", async () => {
  const lending = new Lending();
  await lending.start(2, "");
  for (const worker of running()) worker.says({ event: "register" });
  await settled();
  expect(volunteer.dropToken).toHaveBeenCalledExactlyOnceWith("token 1");
  expect(running().map(({ token }) => token)).toEqual(["token 2", "token 2"]);
});

it("gives up when it is unknown again right after registering", async () => {
  const lending = new Lending();
  await lending.start(1, "");
  running()[0]?.says({ event: "register" });
  await settled();
  running()[0]?.says({ event: "register" });
  await settled();
  expect(lending.isOn).toBe(false);
  expect(lending.trouble).toContain("again and again");
});

it("reloads the page once, and leaves word to go on with as many cores", async () => {
  const lending = new Lending();
  await lending.start(2, "");
  for (const worker of running()) worker.says({ event: "reload" });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(reload).toHaveBeenCalledOnce();
  expect(takeResumption()).toBe(2);
});

it("waits before it reloads a second time, and does not when it is stopped meanwhile", async () => {
  const lending = new Lending();
  await lending.start(1, "");
  running()[0]?.says({ event: "reload" });
  await vi.advanceTimersByTimeAsync(1_000);
  takeResumption();

  await lending.start(1, "");
  running()[0]?.says({ event: "reload" });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(reload).toHaveBeenCalledOnce();
  expect(lending.isReloading).toBe(true);
  lending.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reload).toHaveBeenCalledOnce();
  expect(takeResumption()).toBeUndefined();
});

it("keeps counting over stops and starts", async () => {
  const lending = new Lending();
  const counts = { claimed: 2, verified: 1, rejected: 0 };
  for (let i = 0; i < 2; i += 1) {
    await lending.start(1, "");
    const status: WorkerStatus = { activity: "idle", why: "asking", connection: "open", counts };
    running()[0]?.says({ event: "status", status, slowdown: null, images: 300 });
    lending.stop();
  }
  expect(lending.counts).toEqual({ claimed: 4, verified: 2, rejected: 0 });
  expect(lending.images).toBe(600);
});

it("holds still while there is a reason, and goes on without another click", async () => {
  const lending = new Lending();
  lending.holdStill("battery");
  await lending.start(2, "");
  expect(lending.isOn).toBe(true);
  expect(running()).toEqual([]);
  lending.holdStill(null);
  expect(running().length).toBe(2);
  lending.holdStill("battery");
  expect(running()).toEqual([]);
  lending.resize(3);
  expect(running()).toEqual([]);
  lending.stop();
  lending.holdStill(null);
  expect(running()).toEqual([]);
});

it("has lanes that run and lanes to come work at the pace that was chosen last", async () => {
  const lending = new Lending();
  await lending.start(1, "");
  const pace = { ...FULL_PACE, power_percent: 40 };
  lending.changePace(pace);
  lending.resize(2);
  expect(running().map((worker) => worker.pace)).toEqual([pace, pace]);
});

it("asks the browser to let it go on hidden only while that is wanted", async () => {
  const held: Promise<unknown>[] = [];
  const request = vi.fn((_name: string, _options: unknown, work: () => Promise<void>) => {
    const lock = work();
    held.push(lock);
    return lock;
  });
  vi.stubGlobal("navigator", { locks: { request } });
  const lending = new Lending();
  lending.keepAwake(false);
  await lending.start(1, "");
  expect(request).not.toHaveBeenCalled();
  lending.keepAwake(true);
  expect(request).toHaveBeenCalledOnce();
  lending.keepAwake(false);
  await held[0];
  lending.keepAwake(true);
  lending.stop();
  await held[1];
  expect(request).toHaveBeenCalledTimes(2);
});
