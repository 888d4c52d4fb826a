// What a labelling job has found, as an operator saves it.

import type { Server } from "./server";

/** A line of a job's results. */
export interface Line {
  picture: string;
  labels?: { class: number; name: string; score: number }[];
  unreadable?: string;
  model_sha256: string;
}

/** All lines. Scores are written with as many digits as give back their bits, so equal ones are equal to the bit. */
export async function results(server: Server, job: number): Promise<Line[]> {
  const text = await server.label("results", String(job), "--format", "jsonl", "--output", "-");
  return text.trim().split("\n").map((line) => JSON.parse(line) as Line);
}

/** What it says of each picture, whichever job and model it was. */
export function found(lines: readonly Line[]): [string, Line["labels"], string | undefined][] {
  return lines.map(({ picture, labels, unreadable }) => [picture, labels, unreadable]);
}
