import { expect, it } from "vitest";

import { groups, listed, MOST_BYTES, packed } from "./pack";

it("puts each picture behind its length", () => {
  const pack = packed([Uint8Array.of(7, 8, 9), Uint8Array.of()]);
  expect([...pack]).toEqual([3, 0, 0, 0, 7, 8, 9, 0, 0, 0, 0]);
});

it("sends together what is small, and a large one alone", () => {
  const sizes = (all: { size: number }[][]): number[][] => all.map((group) => group.map(({ size }) => size));
  const files = [3, 3, 3, 20, 1].map((size) => ({ size }));
  expect(sizes(groups(files, 8))).toEqual([[3, 3], [3], [20], [1]]);
});

it("names a picture by its hash, and one that is too large by the reason", async () => {
  const file = new File(["seven"], "seven.png");
  expect(await listed({ name: "a/seven.png", file })).toEqual({
    name: "a/seven.png",
    sha256: "3ba8d02b16fd2a01c1a8ba1a1f036d7ce386ed953696fa57331c2ac48a80b255",
  });
  const huge = { size: MOST_BYTES + 1 } as File;
  expect((await listed({ name: "huge.png", file: huge })).unreadable).toContain("at most");
});
