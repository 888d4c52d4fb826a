import { expect, it } from "vitest";

import { cropped, parted, rgba } from "./sight";

it("cuts a part out of a picture", () => {
  const picture = { width: 4, height: 3, values: Uint8Array.from({ length: 12 }, (_, i) => i) };
  const part = cropped(picture, { left: 1, top: 1, right: 3, bottom: 3 });
  expect(part).toEqual({ width: 2, height: 2, values: Uint8Array.of(5, 6, 9, 10) });
});

it("makes grey of bytes", () => {
  expect([...rgba(Uint8Array.of(0, 200))]).toEqual([0, 0, 0, 255, 200, 200, 200, 255]);
});

it("parts what is said of several digits", () => {
  expect(parted(Uint8Array.of(1, 2, 3, 4), 2)).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
  expect(parted(new Uint8Array(), 0)).toEqual([]);
});
