import { expect, it } from "vitest";

import type { Model } from "./model";
import { Reader } from "./reader";
import type { Answer, Asked } from "./worker-message";

/** A worker that keeps what it is asked, and answers when it is told to. */
class Scripted {
  onmessage: ((event: { data: Answer }) => void) | undefined;
  onerror: ((event: { message: string }) => void) | undefined;
  readonly asked: Asked[] = [];

  postMessage(asked: Asked): void {
    this.asked.push(asked);
  }

  answer(answer: Answer): void {
    this.onmessage?.({ data: answer });
  }
}

function opened(): [Reader, Scripted] {
  const worker = new Scripted();
  return [new Reader(worker as never), worker];
}

const loaded = (weights_sha256: string) => ({ model: { kind: "digits", weights_sha256 } as Model, weights: Uint8Array.of(1) });

/** Which weights came with the last question. */
function sent({ asked }: Scripted): (number | undefined)[] {
  const last = asked.at(-1)?.question;
  return last?.kind === "use" ? last.models.map(({ weights }) => weights?.length) : [];
}

it("sends weights once", async () => {
  const [reader, worker] = opened();
  const first = reader.use([loaded("a")]);
  worker.answer({ number: 1, kind: "done" });
  await first;
  void reader.use([loaded("a"), loaded("b")]);
  expect(sent(worker)).toEqual([undefined, 1]);
});

it("sends them again after the worker refused them", async () => {
  const [reader, worker] = opened();
  const first = reader.use([loaded("a")]);
  worker.answer({ number: 1, kind: "failed", reason: "no such tensor" });
  await expect(first).rejects.toThrow("no such tensor");
  void reader.use([loaded("a")]);
  expect(sent(worker)).toEqual([1]);
});

it("gives each answer to its question", async () => {
  const [reader, worker] = opened();
  const looks = [reader.look(new Blob()), reader.look(new Blob())];
  worker.answer({ number: 2, kind: "failed", reason: "no picture" });
  worker.answer({ number: 1, kind: "seen", sight: undefined });
  expect(await looks[0]).toBeUndefined();
  await expect(looks[1]).rejects.toThrow("no picture");
});

it("fails all questions when the worker can't be loaded", async () => {
  const [reader, worker] = opened();
  const look = reader.look(new Blob());
  worker.onerror?.({ message: "" });
  await expect(look).rejects.toThrow("could not be loaded");
});
