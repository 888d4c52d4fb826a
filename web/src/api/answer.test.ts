import { expect, it, vi } from "vitest";

import { Answer } from "./answer.svelte";

it("keeps the last good answer when a request fails", async () => {
  const answer = new Answer<number>();
  answer.ask(() => Promise.resolve(1));
  await vi.waitFor(() => expect(answer.value).toBe(1));
  answer.ask(() => Promise.reject(new Error("away")));
  await vi.waitFor(() => expect(answer.trouble).toBe("away"));
  expect(answer.value).toBe(1);
  answer.ask(() => Promise.resolve(2));
  await vi.waitFor(() => expect(answer.value).toBe(2));
  expect(answer.trouble).toBeNull();
});

it("makes one request at a time, and of those that wait only the last", async () => {
  const answer = new Answer<number>();
  let finish = (_: number): void => undefined;
  answer.ask(() => new Promise((resolve) => (finish = resolve)));
  const skipped = vi.fn(() => Promise.resolve(2));
  const last = vi.fn(() => Promise.resolve(3));
  answer.ask(skipped);
  answer.ask(last);
  expect(last).not.toHaveBeenCalled();
  finish(1);
  await vi.waitFor(() => expect(answer.value).toBe(3));
  expect(skipped).not.toHaveBeenCalled();
});
