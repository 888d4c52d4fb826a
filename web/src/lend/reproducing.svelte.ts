// Trains a verified trial once more in this tab, and compares. Nothing is computed before `start`, and
// nothing is uploaded.

import * as api from "../api/client";
import { message, sentence } from "../api/problem";
import type { Reproduction } from "../api/types";
import { compiledProgram } from "../page/program";
import type { ReproduceEvent, ReproduceMessage } from "./reproduce-worker";
import type { TrialAddress } from "./reproduction";

export type Stage = "ready" | "preparing" | "training" | "equal" | "different";

export class Reproducing {
  recipe: Reproduction | undefined = $state.raw();
  stage: Stage = $state("ready");
  /** Why there is nothing to train, or why it could not be. */
  trouble: string | null = $state(null);
  progress: Extract<ReproduceEvent, { event: "progress" }> | undefined = $state.raw();
  score: number | undefined = $state();
  weightsSha256: string | undefined = $state();

  #worker: Worker | undefined;
  // Counts starts and stops, so that what was begun before a stop does not go on after it.
  #turn = 0;

  /** Asks what it takes. */
  async load({ study, trial }: TrialAddress): Promise<void> {
    try {
      this.recipe = await api.reproduction(study, trial);
    } catch (error) {
      this.trouble = message(error);
    }
  }

  get isOn(): boolean {
    return this.stage === "preparing" || this.stage === "training";
  }

  async start(power: number): Promise<void> {
    if (!this.recipe || this.isOn) return;
    const turn = ++this.#turn;
    this.#reset("preparing");
    try {
      const program = await compiledProgram();
      if (turn === this.#turn) this.#train({ program, recipe: this.recipe, power });
    } catch (error) {
      if (turn === this.#turn) this.#fail(message(error));
    }
  }

  /** Ends at once; there is nobody to give anything back to. */
  stop(): void {
    this.#end();
    this.#reset("ready");
  }

  #train(order: ReproduceMessage): void {
    const worker = new Worker(new URL("./reproduce-worker.ts", import.meta.url), { type: "module" });
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<ReproduceEvent>) => {
      if (worker === this.#worker) this.#handle(data, order.recipe);
    };
    worker.onerror = (event) => {
      if (worker === this.#worker) this.#fail(event.message || "The worker could not be loaded.");
    };
    worker.postMessage(order);
  }

  #handle(event: ReproduceEvent, recipe: Reproduction): void {
    switch (event.event) {
      case "progress":
        this.stage = "training";
        this.progress = event;
        break;
      case "scored":
        this.score = event.score;
        break;
      case "ended":
        this.#end();
        this.weightsSha256 = event.weightsSha256;
        this.stage = event.weightsSha256 === recipe.weights_sha256 ? "equal" : "different";
        break;
      case "failed":
        this.#fail(event.reason);
        break;
    }
  }

  #fail(reason: string): void {
    this.#end();
    this.#reset("ready");
    this.trouble = sentence(reason);
  }

  #end(): void {
    this.#turn += 1;
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #reset(stage: Stage): void {
    this.stage = stage;
    this.trouble = null;
    this.progress = undefined;
    this.score = undefined;
    this.weightsSha256 = undefined;
  }
}
