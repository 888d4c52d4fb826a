import { expect, it } from "vitest";

import { contained, shrunk } from "./picture";

it("shrinks what is too long and leaves the rest", () => {
  expect(shrunk({ width: 4000, height: 3000 }, 512)).toEqual({ width: 512, height: 384 });
  expect(shrunk({ width: 28, height: 28 }, 512)).toEqual({ width: 28, height: 28 });
  expect(shrunk({ width: 10000, height: 2 }, 512)).toEqual({ width: 512, height: 1 });
});

it("fits a picture into the middle of the pad", () => {
  expect(contained({ width: 100, height: 50 }, 280)).toEqual({ width: 280, height: 140, x: 0, y: 70 });
  expect(contained({ width: 50, height: 100 }, 280)).toEqual({ width: 140, height: 280, x: 70, y: 0 });
});
