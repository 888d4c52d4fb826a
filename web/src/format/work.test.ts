import { expect, it } from "vitest";

import { work } from "./work";

it.each([
  [0, "0"],
  [999, "999"],
  [1_530_000_000_000, "1.53 trillion"],
  [25_000, "25 thousand"],
  [3.2e22, "32000 quintillion"],
])("says %s as %s", (multiplyAdds, words) => {
  expect(work(multiplyAdds)).toBe(words);
});
