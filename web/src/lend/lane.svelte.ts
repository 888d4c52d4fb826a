// One lent core: its Web Worker, what that said last, and starting it anew when it failed. Leaves
// registering and reloading to the page, which does them once for all lanes.

import { sentence } from "../api/problem";
import { NOTHING, total } from "./counts";
import type { Situation } from "./idle";
import type { LenderOptions } from "./options";
import type { Pace } from "./pace";
import { UNHEARD, type Counts, type Labelling, type LenderEvent, type Slowdown, type Training, type WorkerStatus } from "./status";
import { TrialRecord } from "./trial-record.svelte";
import type { WorkerMessage } from "./worker-message";

/** Time for a worker to give its trial back before it is ended. */
export const STOP_MILLIS = 150;

const FIRST_RETRY_SECS = 5;
const LONGEST_RETRY_SECS = 300;

/** What a lane needs of its page. */
export interface LaneHost {
  spawn: () => Worker;
  program: WebAssembly.Module;
  options: () => LenderOptions;
  pace: () => Pace;
  /** The server runs another build. */
  onReload: () => void;
  /** The server does not know the volunteer. */
  onRegister: () => void;
}

export class Lane {
  /** From 1. */
  readonly core: number;
  status: WorkerStatus = $state.raw(UNHEARD);
  /** Why training is slower than it was. */
  slowdown: Slowdown | null = $state(null);
  /** Whether the server has answered this worker before. */
  wasConnected = $state(false);
  /** Why the worker ended, while it waits to be started again. */
  failure: string | null = $state(null);
  /** How long everything stood still before the trial in hand went on. */
  sleptMillis: number | null = $state(null);
  /** The trial in hand. */
  readonly record = new TrialRecord();
  /** The trial to show: between two, for a moment, still the last one. */
  readonly shown: Training | undefined = $derived.by(() => {
    const { status } = this;
    if (status.activity === "labelling") return undefined;
    if (status.activity !== "idle") return status;
    return status.why === "asking" ? this.#last : undefined;
  });
  /** The pictures in hand. */
  readonly labelling: Labelling | undefined = $derived.by(() => {
    const { status } = this;
    return status.activity === "labelling" ? status : undefined;
  });
  /** Images trained on, by this worker and those before it. */
  readonly images: number = $derived.by(() => this.#earlierImages + this.#images);
  readonly counts: Counts = $derived.by(() => total([this.#earlier, this.status.counts]));

  #earlier: Counts = $state.raw(NOTHING);
  #last: Training | undefined = $state.raw();
  #images = $state(0);
  #earlierImages = $state(0);
  #worker: Worker | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retrySecs = FIRST_RETRY_SECS;
  readonly #host: LaneHost;

  readonly situation: Situation = $derived.by(() => {
    const { status, slowdown, wasConnected } = this;
    return { status, slowdown, wasConnected };
  });

  constructor(core: number, host: LaneHost) {
    this.core = core;
    this.#host = host;
    this.#start();
  }

  /** Works more or less hard from now on. */
  changePace(pace: Pace): void {
    this.#worker?.postMessage({ kind: "pace", pace } satisfies WorkerMessage);
  }

  /** Gives the trial back; the worker is gone a moment later. */
  stop(): void {
    clearTimeout(this.#retry);
    const worker = this.#worker;
    this.#worker = undefined;
    if (!worker) return;
    worker.postMessage({ kind: "stop" } satisfies WorkerMessage);
    setTimeout(() => worker.terminate(), STOP_MILLIS);
  }

  /** Begins anew with the host's present options. */
  restart(): void {
    this.stop();
    this.#start();
  }

  #start(): void {
    this.#earlier = this.counts;
    this.#earlierImages = this.images;
    this.#images = 0;
    this.status = UNHEARD;
    this.#last = undefined;
    this.slowdown = null;
    this.wasConnected = false;
    this.failure = null;
    const worker = this.#host.spawn();
    this.#worker = worker;
    // A worker that was stopped or replaced has nothing more to say.
    worker.onmessage = ({ data }: MessageEvent<LenderEvent>) => {
      if (worker === this.#worker) this.#handle(data);
    };
    worker.onerror = (event) => {
      if (worker === this.#worker) this.#fail(event.message || "The worker could not be loaded.");
    };
    const { program, options, pace } = this.#host;
    worker.postMessage({ kind: "start", program, options: options(), pace: pace() } satisfies WorkerMessage);
  }

  #handle(event: LenderEvent): void {
    switch (event.event) {
      case "status":
        this.#see(event);
        break;
      case "epoch":
        this.record.score(event);
        break;
      case "woke":
        this.sleptMillis = event.millis;
        break;
      case "failed":
        this.#fail(event.reason);
        break;
      case "reload":
        this.#host.onReload();
        break;
      case "register":
        this.#host.onRegister();
        break;
    }
  }

  #see({ status, slowdown, images }: Extract<LenderEvent, { event: "status" }>): void {
    // What a standstill cost is news as long as the trial that it broke into.
    if (status.activity === "idle") {
      this.sleptMillis = null;
    } else if (status.activity === "labelling") {
      this.#last = undefined;
    } else {
      this.#last = status;
      this.record.see(status);
    }
    if (status.connection === "open") this.wasConnected = true;
    if (status.activity === "training" || status.activity === "labelling") this.#retrySecs = FIRST_RETRY_SECS;
    this.status = status;
    this.slowdown = slowdown;
    this.#images = images;
  }

  #fail(reason: string): void {
    this.stop();
    this.failure = `${sentence(reason)} Another try follows in ${this.#retrySecs} s.`;
    this.#retry = setTimeout(() => this.#start(), this.#retrySecs * 1000);
    this.#retrySecs = Math.min(2 * this.#retrySecs, LONGEST_RETRY_SECS);
  }
}
