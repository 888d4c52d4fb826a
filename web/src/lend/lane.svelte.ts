// One lent core: its Web Worker, what that said last, and starting it anew when it failed. Leaves
// registering and reloading to the page, which does them once for all lanes.

import { sentence } from "../api/problem";
import { NOTHING, total } from "./counts";
import type { LenderOptions } from "./options";
import { UNHEARD, type Counts, type LenderEvent, type WorkerStatus } from "./status";
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
  /** The server runs another build. */
  onReload: () => void;
  /** The server does not know the volunteer. */
  onRegister: () => void;
}

export class Lane {
  /** From 1. */
  readonly core: number;
  status: WorkerStatus = $state.raw(UNHEARD);
  /** Why the worker ended, while it waits to be started again. */
  failure: string | null = $state(null);
  readonly counts: Counts = $derived.by(() => total([this.#earlier, this.status.counts]));

  #earlier: Counts = $state.raw(NOTHING);
  #worker: Worker | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #retrySecs = FIRST_RETRY_SECS;
  readonly #host: LaneHost;

  constructor(core: number, host: LaneHost) {
    this.core = core;
    this.#host = host;
    this.#start();
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
    this.status = UNHEARD;
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
    const { program, options } = this.#host;
    worker.postMessage({ kind: "start", program, options: options() } satisfies WorkerMessage);
  }

  #handle(event: LenderEvent): void {
    switch (event.event) {
      case "status":
        this.status = event.status;
        if (event.status.activity === "training") this.#retrySecs = FIRST_RETRY_SECS;
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

  #fail(reason: string): void {
    this.stop();
    this.failure = `${sentence(reason)} Another try follows in ${this.#retrySecs} s.`;
    this.#retry = setTimeout(() => this.#start(), this.#retrySecs * 1000);
    this.#retrySecs = Math.min(2 * this.#retrySecs, LONGEST_RETRY_SECS);
  }
}
