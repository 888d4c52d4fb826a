import { expect, it } from "vitest";

import type { ModelView } from "../api/types";
import { chosenModel, likeliest, modelName } from "./model";

const model = (weights_sha256: string, trial: number): ModelView => ({
  study: 1,
  study_name: "First digits",
  dataset: "mnist",
  trial,
  parameters: {},
  classes: 10,
  height: 28,
  width: 28,
  weights_sha256,
  validation_score: 0.9912,
  test_score: 0.99,
});
const MODELS = [model("a", 4), model("b", 7)];

it("takes the best where none is wanted", () => {
  expect(chosenModel(MODELS, null)?.trial).toBe(4);
  expect(chosenModel([], null)).toBeUndefined();
});

it("takes the one that is wanted, and never another in its place", () => {
  expect(chosenModel(MODELS, "b")?.trial).toBe(7);
  expect(chosenModel(MODELS, "c")).toBeUndefined();
});

it("names a model by its score and origin", () => {
  expect(modelName(model("a", 4))).toBe("99.12 %, trial 4 of First digits");
});

it("finds the likeliest class", () => {
  expect(likeliest(Float32Array.of(0.1, 0.7, 0.2))).toBe(1);
  expect(likeliest(new Float32Array())).toBeUndefined();
  expect(likeliest(undefined)).toBeUndefined();
});
