// A trial being trained once more in this tab, from its beginning to the comparison of the weights.

import * as api from "../api/client";
import { message } from "../api/problem";
import type { StudyDetail, TrialDetail } from "../api/types";
import { compiledProgram } from "../page/program";
import type { TrialAddress } from "./address";
import type { Order, Report } from "./message";

export type Stage = "looking" | "ready" | "fetching" | "training" | "same" | "different" | "failed";

export class Reproduction {
  stage: Stage = $state("looking");
  study: StudyDetail | undefined = $state.raw();
  trial: TrialDetail | undefined = $state.raw();
  trouble: string | null = $state(null);
  epoch = $state(0);
  /** Images trained with. */
  images = $state(0);
  /** Validation scores after each epoch, as this tab counted. */
  scores: number[] = $state([]);
  /** Length of the weights that came out. */
  bytes = $state(0);

  #worker: Worker | undefined;

  /** Looks the trial up; nothing is computed yet. */
  async look({ study, trial }: TrialAddress): Promise<void> {
    try {
      [this.study, this.trial] = await Promise.all([api.study(study), api.trial(study, trial)]);
      if (this.trial.weights_sha256 == null) throw new Error("This trial has no verified weights to compare with.");
      this.stage = "ready";
    } catch (error) {
      this.#fail(message(error));
    }
  }

  /** Trains it. */
  async start(): Promise<void> {
    this.stage = "fetching";
    this.scores = [];
    [this.epoch, this.images, this.trouble] = [0, 0, null];
    try {
      const order = await this.#order();
      this.stage = "training";
      this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      this.#worker.onmessage = ({ data }: MessageEvent<Report>) => this.#hear(data);
      this.#worker.onerror = ({ message: reason }) => this.#fail(reason || "The worker could not be started.");
      this.#worker.postMessage(order);
    } catch (error) {
      this.#fail(message(error));
    }
  }

  /** Ends it; what has been trained is forgotten. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    if (this.stage === "training" || this.stage === "fetching") this.stage = "ready";
  }

  async #order(): Promise<Order> {
    const { study, trial } = this;
    if (!study || !trial || trial.weights_sha256 == null) throw new Error("The trial is not known yet.");
    const hashes = [study.training_sha256, study.validation_sha256, trial.weights_sha256] as const;
    const [program, ...blobs] = await Promise.all([compiledProgram(), ...hashes.map(api.blob)]);
    const [training, validation, weights] = blobs as [Uint8Array, Uint8Array, Uint8Array];
    const setting = JSON.stringify(trial.parameters);
    return { program, setting, seed: trial.seed, classes: study.classes, training, validation, weights };
  }

  #hear(report: Report): void {
    if (report.kind === "failed") return this.#fail(report.reason);
    if (report.kind === "progress") {
      [this.images, this.epoch] = [report.images, report.epoch];
      if (report.score !== undefined) this.scores.push(report.score);
      return;
    }
    this.bytes = report.bytes;
    this.#end(report.isSame ? "same" : "different");
  }

  #fail(reason: string): void {
    this.trouble = reason;
    this.#end("failed");
  }

  #end(stage: Stage): void {
    this.stop();
    this.stage = stage;
  }
}
