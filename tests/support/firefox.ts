// Firefox with one tab, driven by the few commands of WebDriver BiDi that the tests need
// (https://w3c.github.io/webdriver-bidi/). Ends only the process that it started itself.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

import WebSocket from "ws";

import type { Tab } from "./browser";
import { removeFolder, temporaryFolder } from "./folder";

type Process = ChildProcessByStdio<null, null, Readable>;

const ANNOUNCEMENT = /WebDriver BiDi listening on (ws:\/\/\S+)/;
const START_MILLIS = 60_000;
const END_MILLIS = 10_000;

interface Answer {
  id: number;
  type: "success" | "error" | "event";
  result?: unknown;
  error?: string;
  message?: string;
}

interface Contexts {
  contexts: { context: string }[];
}

interface Evaluation {
  type: "success" | "exception";
  result?: { type: string; value: string };
  exceptionDetails?: { text: string };
}

export class Firefox implements Tab {
  readonly #process: Process;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #commands = 0;
  #context = "";

  private constructor(process: Process, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** Starts the program without a window and with a profile of its own. */
  static async start(program: string): Promise<Firefox> {
    const profile = temporaryFolder();
    const flags = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"];
    const process = spawn(program, flags, { stdio: ["ignore", "ignore", "pipe"] });
    const socket = new WebSocket(`${await address(process)}/session`);
    await once(socket, "open");
    const firefox = new Firefox(process, profile, socket);
    await firefox.#command("session.new", { capabilities: {} });
    const { contexts } = await firefox.#command<Contexts>("browsingContext.getTree", {});
    firefox.#context = contexts[0]?.context ?? "";
    return firefox;
  }

  async open(url: string): Promise<void> {
    await this.#command("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  async call(functionDeclaration: string, argument: string): Promise<string> {
    const { result, exceptionDetails } = await this.#command<Evaluation>("script.callFunction", {
      functionDeclaration,
      arguments: [{ type: "string", value: argument }],
      awaitPromise: true,
      target: { context: this.#context },
    });
    if (result === undefined) throw new Error(exceptionDetails?.text);
    return result.value;
  }

  async close(): Promise<void> {
    const exited = once(this.#process, "exit");
    await this.#command("browser.close", {});
    const tooLong = setTimeout(() => this.#process.kill("SIGKILL"), END_MILLIS);
    await exited;
    clearTimeout(tooLong);
    this.#socket.terminate();
    removeFolder(this.#profile);
  }

  async #command<Result>(method: string, params: object): Promise<Result> {
    this.#commands += 1;
    const id = this.#commands;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { type, result, error, message } = await answered;
    if (type !== "success") throw new Error(`Firefox refused ${method}: ${error}: ${message}`);
    return result as Result;
  }
}

/** Where a Firefox that is starting listens. */
async function address(process: Process): Promise<string> {
  let log = "";
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`Firefox ${what}:\n${log}`));
    const tooLong = setTimeout(() => fail(`did not listen within ${START_MILLIS} ms`), START_MILLIS);
    process.once("error", ({ message }) => fail(`did not start: ${message}`));
    process.once("exit", () => fail("ended before it listened"));
    process.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      const found = ANNOUNCEMENT.exec(log)?.[1];
      if (found === undefined) return;
      clearTimeout(tooLong);
      resolve(found);
    });
  });
}
