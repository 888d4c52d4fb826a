// Who has lent what, from a server that tells; one that does not is no failure.

import { noAnswer, requestError } from "./problem";
import type { VolunteerName } from "./types";

export interface BoardRow {
  /** From 1. */
  rank: number;
  volunteer: VolunteerName;
  /** Multiply-adds of work found right, in digits: more than a number holds. */
  credit: string;
  /** Trials found right. */
  verified: number;
  /** Workers connected now. */
  workers: number;
  seen_millis: number;
}

/** Volunteers by credit; nothing where the server keeps no board. */
export async function board(): Promise<BoardRow[] | undefined> {
  const response = await fetch("/api/volunteers").catch(() => {
    throw noAnswer();
  });
  if (response.status === 404 || response.status === 405) return undefined;
  if (!response.ok) throw requestError(response.status, await response.json().catch(() => undefined));
  return (await response.json()) as BoardRow[];
}
