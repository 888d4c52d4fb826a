import { expect, it } from "vitest";

import { multiplyAdds } from "./credit";

it.each([
  ["0", "0"],
  ["999", "999"],
  ["1000", "1.00 thousand"],
  ["999999", "1.00 million"],
  ["1234567890123", "1.23 trillion"],
  ["45600000000000000", "45.6 quadrillion"],
  ["18446744073709551615", "18.4 quintillion"],
])("says %s multiply-adds as %s", (credit, words) => {
  expect(multiplyAdds(credit)).toBe(words);
});
