// The real server as a process: started, killed, stopped, and started again where it was. Ends only
// the process that it started itself.

import { execFile, spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

import { Api } from "./api";
import { environment } from "./environment";
import { removeFolder, temporaryFolder } from "./folder";

export interface ServerOptions {
  /** Study file of the first study. */
  study: string;
  /** More of the server's flags. */
  flags?: readonly string[];
  /** Folder of the pages; the built ones if it is not given. */
  pages?: string;
}

type Process = ChildProcessByStdio<null, Readable, Readable>;

const ANNOUNCEMENT = /^tabsweep is at (http:\/\/\S+)$/m;
const START_MILLIS = 60_000;

export class Server {
  /** Where it answers, such as `http://127.0.0.1:39115`. */
  readonly url: string;
  readonly api: Api;

  readonly #folder: string;
  readonly #flags: readonly string[];
  #run: Run;

  private constructor(folder: string, flags: readonly string[], run: Run, url: string) {
    this.#folder = folder;
    this.#flags = flags;
    this.#run = run;
    this.url = url;
    this.api = new Api(url);
  }

  /** Starts a server on an empty state folder and a free port. */
  static async start({ study, flags: more = [], pages = environment().pages }: ServerOptions): Promise<Server> {
    const folder = temporaryFolder();
    const flags = ["--pages", pages, ...more];
    const file = join(folder, "study.toml");
    writeFileSync(file, study);
    const run = new Run(["--listen", "127.0.0.1:0", "--study", file, ...inFolder(folder), ...flags]);
    try {
      return new Server(folder, flags, run, await run.address());
    } catch (error) {
      removeFolder(folder);
      throw error;
    }
  }

  /** Everything that it said on both outputs since it was started last. */
  get log(): string {
    return this.#run.log;
  }

  get isRunning(): boolean {
    return this.#run.isRunning;
  }

  /** Ends it as a crash or a power cut would: nothing can be said or saved any more. */
  async kill(): Promise<void> {
    await this.#run.end("SIGKILL");
  }

  /** Starts it again on the same state and the same port. */
  async restart(): Promise<void> {
    this.#run = new Run(["--listen", new URL(this.url).host, ...inFolder(this.#folder), ...this.#flags]);
    await this.#run.address();
  }

  /** Ends it as Ctrl-C does; its exit code. */
  async stop(): Promise<number | null> {
    return this.#run.end("SIGINT");
  }

  /** Ends it if it runs, and deletes its state. */
  async remove(): Promise<void> {
    if (this.isRunning) await this.kill();
    removeFolder(this.#folder);
  }

  /** The operator's token. */
  get adminToken(): string {
    return readFileSync(this.#tokenFile, "utf8").trim();
  }

  /** The database's file. */
  get database(): string {
    return join(this.#folder, "state", "tabsweep.sqlite3");
  }

  /** Creates one more study; its id. */
  async createStudy(study: string): Promise<number> {
    return this.api.createStudy(study, this.adminToken);
  }

  /** Runs `tabsweep model`; what it says. */
  async model(...args: string[]): Promise<string> {
    return this.#command("model", args);
  }

  /** Runs `tabsweep label`; what it says. */
  async label(...args: string[]): Promise<string> {
    return this.#command("label", args);
  }

  async #command(command: string, args: string[]): Promise<string> {
    const isPublic = args[0] === "show" || args[0] === "list";
    const where = ["--server", this.url, ...(isPublic ? [] : ["--admin-token-file", this.#tokenFile])];
    const { stdout } = await promisify(execFile)(environment().server, [command, ...args, ...where], { maxBuffer: 64 << 20 });
    return stdout;
  }

  get #tokenFile(): string {
    return join(this.#folder, "state", "admin-token");
  }
}

function inFolder(folder: string): string[] {
  return ["--state", join(folder, "state")];
}

/** One process from start to exit. */
class Run {
  readonly #process: Process;
  readonly #exited: Promise<unknown>;
  #log = "";

  constructor(flags: readonly string[]) {
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    this.#process = spawn(environment().server, ["serve", ...flags], { stdio });
    this.#exited = once(this.#process, "exit");
    for (const output of [this.#process.stdout, this.#process.stderr]) {
      output.setEncoding("utf8").on("data", (text: string) => (this.#log += text));
    }
  }

  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Its address, once it listens. */
  async address(): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => reject(new Error(`the server ${what}:\n${this.#log}`));
      const tooLong = setTimeout(() => fail(`did not start within ${START_MILLIS} ms`), START_MILLIS);
      this.#process.once("exit", () => fail("ended before it listened"));
      this.#process.stdout.on("data", () => {
        const address = ANNOUNCEMENT.exec(this.#log)?.[1];
        if (address === undefined) return;
        clearTimeout(tooLong);
        resolve(address);
      });
    });
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.isRunning) this.#process.kill(signal);
    await this.#exited;
    return this.#process.exitCode;
  }
}
