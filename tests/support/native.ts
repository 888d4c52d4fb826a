// Trainings by native builds of the trainer: optimised, held to a width of vectors, and not optimised.

import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

import type { Ending, Leg, Platform } from "./platform";

const run = promisify(execFile);

/** Names of the vector widths that the kernels can be held to on this processor. */
export function widths(program: string): string[] {
  return JSON.parse(execFileSync(program, ["widths"], { encoding: "utf8" })) as string[];
}

/** The trainer's program; its kernels take the widest vectors that there are unless told otherwise. */
export class Native implements Platform {
  readonly #program: string;
  readonly #width: string | undefined;

  constructor(program: string, width?: string) {
    this.#program = program;
    this.#width = width;
  }

  async run(leg: Leg): Promise<Ending> {
    const { stdout } = await run(this.#program, ["train", JSON.stringify({ ...leg, width: this.#width })]);
    return JSON.parse(stdout) as Ending;
  }

  async close(): Promise<void> {}
}
