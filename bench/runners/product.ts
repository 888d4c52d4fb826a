// The product's module under measurement: as much training, or as much inference, as fits into a
// time, and whole trainings. Decides what counts as training time: steps, not the scoring between
// epochs. Runs in Node and in a Web Worker alike.

import { CLASSES, images, type ReadBlob } from "./blobs.js";
import { timed } from "./measurement.js";
import type { Measure, Measurement, Run, Setting, Train } from "./request.js";

/** What the module exports of a training. */
export interface Session {
  train_in_epoch(steps: number): number;
  score(): number | undefined;
  forward(images: number, batch: number): number;
  count_correct(images: Uint8Array): number;
  free(): void;
}

export interface ProductModule {
  default(input: { module_or_path: unknown }): Promise<{ memory: WebAssembly.Memory }>;
  Session: new (
    setting: string,
    seed: string,
    training: Uint8Array,
    validation: Uint8Array,
    classes: number,
  ) => Session;
}

/** Speed does not depend on it. */
const SEED = 1;
/** Steps between two looks at the clock. */
const STEPS = 4;
/** Images classified between two looks at the clock: many, because each call reads the weights anew. */
const FORWARD_IMAGES = 3_200;
/** A worker in the product gives the event loop its turn as often. */
const SLICE_MILLIS = 50;

export class Product {
  private readonly sessions = new Map<string, Session>();

  constructor(
    private readonly module: ProductModule,
    private readonly read: ReadBlob,
  ) {}

  /** Does the work asked for; trainings go on from the last time. */
  async measure({ work, setting, seconds }: Measure): Promise<Measurement> {
    const measured = { images: 0, seconds: 0 };
    while (measured.seconds < seconds) {
      const session = await this.session(setting);
      const [done, took] = timed(() =>
        work === "step" ? session.train_in_epoch(STEPS) : classify(session, setting),
      );
      measured.images += done;
      measured.seconds += took;
      if (done === 0 && session.score() === undefined) this.end(setting);
    }
    return measured;
  }

  /** Trains to the end, in slices. */
  async run({ setting, seed }: Train): Promise<Run> {
    const start = performance.now();
    const session = await this.begin(setting, seed);
    const run = { training_secs: 0, scoring_secs: 0, validation_correct: 0 };
    let sliceMillis = 0;
    for (;;) {
      const [done, took] = timed(() => session.train_in_epoch(1));
      run.training_secs += took;
      sliceMillis += took * 1000;
      if (done === 0) {
        const [correct, scoring] = timed(() => session.score());
        run.scoring_secs += scoring;
        if (correct === undefined) break;
        run.validation_correct = correct;
      }
      if (sliceMillis >= SLICE_MILLIS) {
        sliceMillis = 0;
        await turn();
      }
    }
    const whole_secs = (performance.now() - start) / 1000;
    const test = await this.read("test");
    const validation_count = images(await this.read("validation")).labels.length;
    const [test_correct, test_count] = [session.count_correct(test), images(test).labels.length];
    session.free();
    return { ...run, whole_secs, validation_count, test_correct, test_count };
  }

  private async session(setting: Setting): Promise<Session> {
    const key = JSON.stringify(setting);
    const session = this.sessions.get(key) ?? (await this.begin(setting, SEED));
    this.sessions.set(key, session);
    return session;
  }

  private async begin(setting: Setting, seed: number): Promise<Session> {
    const [training, validation] = await Promise.all([this.read("training"), this.read("validation")]);
    return new this.module.Session(JSON.stringify(setting), String(seed), training, validation, CLASSES);
  }

  private end(setting: Setting): void {
    const key = JSON.stringify(setting);
    this.sessions.get(key)?.free();
    this.sessions.delete(key);
  }
}

function classify(session: Session, setting: Setting): number {
  session.forward(FORWARD_IMAGES, setting.batch_size);
  return FORWARD_IMAGES;
}

/** Comes back when all that waited has had its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
