import { expect, it } from "vitest";

import { usualNames } from "./view";

it("begins with the learning rate and the hidden units, then what matters, each once", () => {
  const swept = ["batch_size", "dropout", "hidden_units", "learning_rate"];
  expect(usualNames(swept, ["dropout", "learning_rate"])).toEqual(["learning_rate", "hidden_units", "dropout", "batch_size"]);
  expect(usualNames(["dropout"], [])).toEqual(["dropout"]);
});
