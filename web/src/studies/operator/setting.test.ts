import { expect, it } from "vitest";

import { setting } from "./setting";

it("turns texts into the values of the space, and leaves out what is empty", () => {
  const ranges = new Map([["batch_size", { type: "categorical" as const, choices: [64, 128] }]]);
  const texts = { learning_rate: " 1e-2 ", batch_size: "64", optimizer: "sgd", batch_norm: "true", dropout: "" };
  expect(setting(texts, ranges)).toEqual({ learning_rate: 0.01, batch_size: 64, optimizer: "sgd", batch_norm: true });
});
