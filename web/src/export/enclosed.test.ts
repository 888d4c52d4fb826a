import { expect, it } from "vitest";

import { bytes } from "./enclosed";

it("reads bytes from base 64", () => {
  expect([...bytes("AAH+/w==")]).toEqual([0, 1, 254, 255]);
});
