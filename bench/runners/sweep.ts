// A whole sweep as volunteers see it: the real server, and tabs of real Chromium that lend one core
// each until the study is finished. Says when what happened; what it means, the caller decides.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { chromium, type Browser, type Page } from "@playwright/test";

import { answerAll, option } from "./conversation.js";
import type { Request, Sweep, SweepAnswer, TrialAnswer, WorkerAnswer } from "./request.js";

/** As the tests of the whole system start it. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Tabs of one window: without these only the one in front would run at full speed.
  "--disable-renderer-backgrounding",
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
];

const POLL_MILLIS = 500;

/** A server that this process started, on a state folder of its own. */
class Server {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
  ) {}

  static async start(sweep: Sweep): Promise<Server> {
    const flags = ["--listen", "127.0.0.1:0", "--state", sweep.state, "--study", sweep.study];
    const folders = ["--pages", option("pages"), "--dataset-dir", sweep.mnist];
    const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
    const process = spawn(option("server"), ["serve", ...flags, ...folders], {
      stdio,
      env: { ...globalThis.process.env, RUST_LOG: "warn" },
    });
    for await (const line of createInterface({ input: process.stdout })) {
      const url = /^tabsweep is at (http:\/\/\S+)$/.exec(line)?.[1];
      if (url !== undefined) return new Server(url, process);
    }
    throw new Error("the server ended before it listened");
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.kill("SIGINT");
    await once(this.process, "exit");
  }
}

/** What one tab's worker did, from the messages on its socket. */
class Worker {
  private leasedAt: number | undefined;
  private firstLease: number | undefined;
  private busyMillis = 0;
  private leases = 0;

  constructor(readonly name: string) {}

  heard(type: string): void {
    const now = performance.now();
    if (type === "lease") {
      this.firstLease ??= now;
      this.leasedAt = now;
      this.leases += 1;
    }
    if (type === "claim_answer" || type === "stop") this.rest(now);
  }

  /** Ends what is under way. */
  rest(now: number): void {
    if (this.leasedAt !== undefined) this.busyMillis += now - this.leasedAt;
    this.leasedAt = undefined;
  }

  answer(endedAt: number): WorkerAnswer {
    // Of a study that is cut off, the last trials have no end.
    this.rest(endedAt);
    const { name, leases, firstLease } = this;
    const present = firstLease === undefined ? 0 : endedAt - firstLease;
    return { name, leases, busy_secs: this.busyMillis / 1000, present_secs: present / 1000 };
  }
}

/** Opens the lending page in a profile of its own and lends one core. */
async function lend(browser: Browser, url: string, name: string): Promise<[Page, Worker]> {
  const worker = new Worker(name);
  const context = await browser.newContext({ baseURL: url });
  const page = await context.newPage();
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      worker.heard((JSON.parse(payload.toString()) as { type: string }).type);
    });
  });
  await page.goto("/");
  await page.getByLabel("Nickname").fill(name);
  await page.getByLabel("Cores").fill("1");
  // The server and the other tabs are what the computer is there for.
  await page.getByLabel("Make room when this computer is busy").uncheck();
  await page.getByRole("button", { name: "Lend this tab" }).click();
  return [page, worker];
}

interface StudyView {
  state: string;
  counts: Record<string, number>;
}

interface Row {
  trial: number;
  validation_score: number;
  test_score: number;
  verified_millis: number;
  parameters: Record<string, unknown>;
}

async function sweep(browser: Browser, wanted: Sweep): Promise<SweepAnswer> {
  const server = await Server.start(wanted);
  try {
    const startedMillis = Date.now();
    const began = performance.now();
    const names = Array.from({ length: wanted.tabs }, (_, tab) => `Tab ${tab + 1}`);
    const tabs = await Promise.all(names.map((name) => lend(browser, server.url, name)));
    const study = await finished(server, began + wanted.limit_secs * 1000);
    const ended = performance.now();
    // The last claim was made before its verdict: what came after it was waiting.
    const workers = tabs.map(([, worker]) => worker.answer(ended));
    const rows = await server.get<Row[]>("/api/studies/1/leaderboard?limit=1000");
    await Promise.all(tabs.map(([page]) => page.context().close()));
    return {
      wall_secs: (ended - began) / 1000,
      state: study.state,
      counts: study.counts,
      workers,
      trials: rows.map((row) => answer(row, startedMillis)),
    };
  } finally {
    await server.stop();
  }
}

function answer(row: Row, startedMillis: number): TrialAnswer {
  const { trial, validation_score, test_score, verified_millis, parameters } = row;
  return { trial, validation_score, test_score, parameters, verified_secs: (verified_millis - startedMillis) / 1000 };
}

async function finished(server: Server, deadline: number): Promise<StudyView> {
  let said = "";
  for (;;) {
    const study = await server.get<StudyView>("/api/studies/1");
    const counts = Object.entries(study.counts).filter(([, count]) => count > 0);
    const now = counts.map(([state, count]) => `${count} ${state}`).join(", ");
    if (now !== said) process.stderr.write(`  ${now}\n`);
    said = now;
    if (study.state === "finished" || performance.now() > deadline) return study;
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS));
  }
}

const browser = await chromium.launch({ executablePath: option("chromium"), args: ARGUMENTS });
await answerAll({ Chromium: browser.version() }, async (request: Request) => {
  if (request.do !== "sweep") throw new Error(`can't ${request.do}`);
  return sweep(browser, request);
});
await browser.close();
