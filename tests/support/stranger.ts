// Somebody who speaks the protocol without the worker's program, in a page of the server: what a
// forger can do, and what a broken client does.

import { expect, type JSHandle, type Page } from "@playwright/test";

import type { Registered } from "./api";
import type { Lease, Message } from "./lending";
import type { Server } from "./server";

/** How a socket ended. */
export interface Close {
  code: number;
  reason: string;
}

interface Wire {
  socket: WebSocket;
  heard: Message[];
  closed: Close | null;
}

/** What a worker says first. */
interface Hello {
  build?: string;
  volunteer_token?: string;
  worker?: string;
  resume?: string;
}

export class Stranger {
  readonly volunteer: Registered;
  readonly #page: Page;
  readonly #build: string;

  private constructor(page: Page, volunteer: Registered, build: string) {
    this.#page = page;
    this.volunteer = volunteer;
    this.#build = build;
  }

  static async open(page: Page, server: Server, nickname: string): Promise<Stranger> {
    await page.goto("/studies");
    const { build } = await server.api.health();
    return new Stranger(page, await server.api.register(nickname), build);
  }

  /** Opens a work socket without a word. */
  async connect(): Promise<StrangersSocket> {
    const wire = await this.#page.evaluateHandle(async () => {
      const socket = new WebSocket(`ws://${location.host}/api/work`, "tabsweep.v2");
      const wire: Wire = { socket, heard: [], closed: null };
      socket.onmessage = ({ data }) => wire.heard.push(JSON.parse(String(data)) as Message);
      socket.onclose = ({ code, reason }) => (wire.closed = { code, reason });
      await new Promise((resolve, reject) => {
        socket.onopen = resolve;
        socket.onerror = reject;
      });
      return wire;
    });
    return new StrangersSocket(wire);
  }

  /** Opens a work socket and says hello, rightly but for what `wrong` changes. */
  async greet(wrong: Hello = {}): Promise<StrangersSocket> {
    const socket = await this.connect();
    const right = { build: this.#build, volunteer_token: this.volunteer.token, worker: "00000000000000aa" };
    await socket.say({ type: "hello", protocol: 2, ...right, ...wrong });
    return socket;
  }

  /** Opens a work socket, greets, and asks for work until there is some. */
  async lease(): Promise<{ socket: StrangersSocket; lease: Lease }> {
    const socket = await this.greet();
    await socket.say({ type: "ready" });
    return { socket, lease: (await socket.next("lease")) as Lease };
  }

  /** Uploads a text under a hash; the server's status. */
  async upload(sha256: string, text: string, lease: string): Promise<number> {
    return this.#page.evaluate(
      async ({ sha256, text, lease }) => {
        const headers = { authorization: `Bearer ${lease}` };
        return (await fetch(`/api/uploads/${sha256}`, { method: "PUT", headers, body: text })).status;
      },
      { sha256, text, lease },
    );
  }

  /** Uploads the public weights of a verified trial as if they were trained here; the server's status. */
  async uploadCopy(sha256: string, lease: string): Promise<number> {
    return this.#page.evaluate(
      async ({ sha256, lease }) => {
        const body = await (await fetch(`/api/blobs/${sha256}`)).arrayBuffer();
        const headers = { authorization: `Bearer ${lease}` };
        return (await fetch(`/api/uploads/${sha256}`, { method: "PUT", headers, body })).status;
      },
      { sha256, lease },
    );
  }

  /** Uploads such weights with the last bit of one number changed, so that they are no copy; their hash. */
  async uploadAltered(sha256: string, lease: string): Promise<string> {
    return this.#page.evaluate(
      async ({ sha256, lease }) => {
        const body = new Uint8Array(await (await fetch(`/api/blobs/${sha256}`)).arrayBuffer());
        // The file ends with numbers of four bytes, the least significant one first.
        const at = body.length - 4;
        body[at] = (body[at] ?? 0) ^ 1;
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
        const altered = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
        const headers = { authorization: `Bearer ${lease}` };
        const { status } = await fetch(`/api/uploads/${altered}`, { method: "PUT", headers, body });
        if (status !== 204) throw new Error(`the upload was answered by ${status}`);
        return altered;
      },
      { sha256, lease },
    );
  }
}

export class StrangersSocket {
  readonly #wire: JSHandle<Wire>;
  #read = 0;

  constructor(wire: JSHandle<Wire>) {
    this.#wire = wire;
  }

  async say(message: object): Promise<void> {
    await this.sayText(JSON.stringify(message));
  }

  /** Sends the same text, one or more times without a pause. */
  async sayText(text: string, times = 1): Promise<void> {
    await this.#wire.evaluate(
      ({ socket }, { text, times }) => {
        for (let i = 0; i < times; i += 1) socket.send(text);
      },
      { text, times },
    );
  }

  /** The next message of a type; those in between are passed over. */
  async next(type: string): Promise<Message> {
    let found: Message | undefined;
    const look = async (): Promise<string | undefined> => {
      const heard = await this.#wire.evaluate((wire) => wire.heard);
      const at = heard.findIndex((message, i) => i >= this.#read && message.type === type);
      if (at < 0) return undefined;
      this.#read = at + 1;
      found = heard[at];
      return found?.type;
    };
    await expect.poll(look, { message: `a message of type ${type}` }).toBe(type);
    return found as Message;
  }

  /** How it was closed, once it is. */
  async closed(after = ""): Promise<Close> {
    const message = `the socket is closed ${after}`;
    await expect.poll(() => this.#wire.evaluate(({ closed }) => closed !== null), { message }).toBe(true);
    return this.#wire.evaluate(({ closed }) => closed as Close);
  }

  async close(): Promise<void> {
    await this.#wire.evaluate(({ socket }) => socket.close());
    await this.closed();
  }
}

/** A claim of finished weights. */
export function claim(lease: string, weights: string, correct: number, count: number): object {
  const outcome = { kind: "finished", weights_sha256: weights, validation_correct: correct, validation_count: count };
  return { type: "claim", lease, outcome };
}
