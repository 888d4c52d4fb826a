import { expect, it } from "vitest";

import { shortName } from "./photo";

it("shortens a class to its usual name", () => {
  expect(shortName("tabby, tabby cat")).toBe("tabby");
  expect(shortName("chickadee")).toBe("chickadee");
});
