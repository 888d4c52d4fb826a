// The conversation of every runner: it says what it is, then answers one request per line until its
// input ends. Knows how requests are written, not how they are met.

import { createInterface } from "node:readline";

import type { Request } from "./request.js";

/** Answers all requests on standard input, one after the other. */
export async function answerAll(
  versions: Readonly<Record<string, string>>,
  answer: (request: Request) => Promise<unknown>,
): Promise<void> {
  say({ ready: versions });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(JSON.parse(line) as Request));
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** The value of a command-line option; every runner is given all it has. */
export function option(name: string): string {
  const value = process.argv[process.argv.indexOf(`--${name}`) + 1];
  if (!process.argv.includes(`--${name}`) || value === undefined) throw new Error(`--${name} is missing`);
  return value;
}
