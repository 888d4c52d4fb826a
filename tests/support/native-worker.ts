// Volunteers without a browser: the server's own program, lending cores of this machine. For tests
// that need trials trained and don't care by whom.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { environment } from "./environment";
import { removeFolder, temporaryFolder } from "./folder";
import type { Server } from "./server";

export class NativeWorkers {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #folder: string;

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.#exited = once(process, "exit");
    this.#folder = folder;
  }

  /** Begins to lend. */
  static lend(server: Server, nickname: string, workers: number): NativeWorkers {
    const folder = temporaryFolder();
    const own = ["--token-file", join(folder, "token"), "--cache-dir", join(folder, "cache")];
    const flags = ["work", server.url, "--nickname", nickname, "--workers", String(workers), ...own];
    return new NativeWorkers(spawn(environment().server, flags, { stdio: "ignore" }), folder);
  }

  /** Stops as Ctrl-C does. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null) this.#process.kill("SIGINT");
    await this.#exited;
    removeFolder(this.#folder);
  }
}
