// A tab on the lending page, as a person uses it, and what its workers and the server say to each
// other on the wire.

import { expect, type Locator, type Page, type WebSocket } from "@playwright/test";

import type { WatchedPage } from "./watched-page";

/** A message on a work socket; fields differ by type. */
export interface Message {
  type: string;
  [field: string]: unknown;
}

/** The part of a lease that tests look at. */
export interface Lease extends Message {
  type: "lease";
  token: string;
  trial: number;
  attempt: number;
  checkpoint?: { step: number };
}

export class LendingTab {
  readonly page: Page;
  readonly watched: WatchedPage;
  /** Work sockets opened so far. */
  readonly sockets: WebSocket[] = [];
  /** What the server said, oldest first. */
  readonly heard: Message[] = [];
  /** What the workers said, oldest first. */
  readonly said: Message[] = [];

  private constructor(watched: WatchedPage) {
    this.watched = watched;
    this.page = watched.page;
    this.page.on("websocket", (socket) => this.#listen(socket));
  }

  /** Opens the page; nothing is lent yet. */
  static async open(watched: WatchedPage, nickname: string): Promise<LendingTab> {
    const tab = new LendingTab(watched);
    await tab.page.goto("/");
    await tab.page.getByLabel("Nickname").fill(nickname);
    await tab.setCores(1);
    // Tests are not to wait for whatever else runs here.
    await tab.page.getByLabel("Make room when this computer is busy").uncheck();
    return tab;
  }

  async setCores(cores: number): Promise<void> {
    await this.page.getByLabel("Cores").fill(String(cores));
  }

  /** Share of the time that each core works, in percent. */
  async setPower(power: number): Promise<void> {
    await this.page.getByLabel("Power").fill(String(power));
  }

  /** Clicks, and waits until the server has welcomed the first worker. */
  async lend(): Promise<void> {
    const before = this.sockets.length;
    await this.page.getByRole("button", { name: "Lend this tab" }).click();
    await expect.poll(() => this.sockets.length, { message: "a work socket" }).toBeGreaterThan(before);
    const answer = (): string => this.heard.findLast(({ type }) => type === "welcome")?.type ?? "";
    const message = "the server welcomes the worker; if not, are server and pages of the same build?";
    await expect.poll(answer, { message, timeout: 10_000 }).toBe("welcome");
  }

  async stop(): Promise<void> {
    await this.page.getByRole("button", { name: "Stop" }).click();
  }

  /** Closes the tab without a word, as people do. */
  async close(): Promise<void> {
    await this.watched.close();
  }

  /** What the page shows of one core. */
  core(core: number): Locator {
    return this.page.getByRole("article", { name: `Core ${core}` });
  }

  /** Leases that the server gave, oldest first. */
  get leases(): Lease[] {
    return this.heard.filter((message): message is Lease => message.type === "lease");
  }

  /** The lease that it gets next, or has got first. */
  async firstLease(): Promise<Lease> {
    await expect.poll(() => this.leases.length, { message: "a lease" }).toBeGreaterThan(0);
    return this.leases[0] as Lease;
  }

  /** Optimiser steps done by the last report. */
  get step(): number {
    const report = this.said.findLast(({ type }) => type === "progress");
    return Number(report?.["step"] ?? 0);
  }

  /** Waits for so many more reports of progress; there is one a second. */
  async reports(count: number): Promise<void> {
    const reports = (): number => this.said.filter(({ type }) => type === "progress").length;
    const goal = reports() + count;
    await expect.poll(reports, { message: "reports of progress" }).toBeGreaterThanOrEqual(goal);
  }

  #listen(socket: WebSocket): void {
    this.sockets.push(socket);
    socket.on("framereceived", ({ payload }) => this.heard.push(message(payload)));
    socket.on("framesent", ({ payload }) => this.said.push(message(payload)));
  }
}

function message(payload: string | Buffer): Message {
  return JSON.parse(payload.toString()) as Message;
}
