import { expect, it } from "vitest";

import { isSame } from "./same";

it.each([
  [[1, 2], [1, 2], true],
  [[1, 2], [1, 3], false],
  [[1, 2], [1, 2, 3], false],
  [[], [], true],
])("%j and %j: %s", (a, b, same) => {
  expect(isSame(Uint8Array.from(a), Uint8Array.from(b))).toBe(same);
});
