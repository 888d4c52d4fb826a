import { expect, it } from "vitest";

import { Batch, type NamedPicture } from "./batch.svelte";
import type { Model } from "./model";
import type { Sight } from "./sight";

const MODEL = { kind: "digits", weights_sha256: "a" } as Model;
const named = (names: readonly string[]): NamedPicture[] => names.map((name) => ({ name, file: new Blob([name]) }));

/** A sight with one digit for each of the classes, of which another model thinks otherwise. */
function sight(classes: readonly number[]): Sight {
  const digits = classes.map((of) => ({
    area: { left: 0, top: 0, right: 1, bottom: 1 },
    fitted: new Uint8Array(400),
    pixels: new Uint8Array(784),
    opinions: new Map([
      ["a", Float32Array.from({ length: 10 }, (_, i) => (i === of ? 0.91 : 0.01))],
      ["b", Float32Array.from({ length: 10 }, (_, i) => (i === 9 ? 0.91 : 0.01))],
    ]),
  }));
  return { width: 1, height: 1, evened: new Uint8Array(1), ink: new Uint8Array(1), digits };
}

/** Sees what the file's name says. */
async function look(picture: Blob | ImageData): Promise<Sight | undefined> {
  const name = await (picture as Blob).text();
  if (name === "broken") throw new Error("This file can't be read as a picture.");
  return name === "blank" ? undefined : sight(name.split("").map(Number));
}

it("reads every picture, and names the bad ones", async () => {
  const batch = new Batch();
  await batch.start(named(["7", "broken", "42", "blank", "9"]), { look }, [MODEL]);
  expect(batch).toMatchObject({ total: 5, done: 5, isRunning: false });
  expect(batch.failures).toEqual([
    { picture: "broken", reason: "This file can't be read as a picture." },
    { picture: "blank", reason: "There is nothing in the picture." },
  ]);
  const rows = batch.rows.map(({ picture, digit, class: of, votes }) => [picture, digit, of, votes]);
  expect(rows.sort()).toEqual([["42", 1, 4, 1], ["42", 2, 2, 1], ["7", 1, 7, 1], ["9", 1, 9, 2]]);
  expect(batch.rows[0]?.confidence).toBeCloseTo(0.91);
});

it("stops where it is, and what comes late is dropped", async () => {
  const batch = new Batch();
  let finish: (sight: Sight) => void = () => undefined;
  const slow = new Promise<Sight>((resolve) => (finish = resolve));
  const running = batch.start(named(["1", "2", "3"]), { look: () => slow }, [MODEL]);
  batch.stop();
  expect(batch.isRunning).toBe(false);
  finish(sight([1]));
  await running;
  expect(batch).toMatchObject({ done: 0, rows: [] });
});

it("drops the old results when new pictures come", async () => {
  const batch = new Batch();
  await batch.start(named(["1", "broken"]), { look }, [MODEL]);
  await batch.start(named(["2"]), { look }, [MODEL]);
  expect(batch.rows.map((row) => row.class)).toEqual([2]);
  expect(batch.failures).toEqual([]);
});
