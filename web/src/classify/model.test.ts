import { expect, it } from "vitest";

import { chosenModel, likeliest, modelName, panel, vote, type Model } from "./model";

const model = (weights_sha256: string, trial: number): Model => ({
  kind: "digits",
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

it("asks the chosen one first, then the best others", () => {
  const models = "abcdefg".split("").map(model);
  const asked = panel(models, models[6] ?? model("g", 6)).map(({ weights_sha256 }) => weights_sha256);
  expect(asked).toEqual(["g", "a", "b", "c", "d"]);
  expect(panel([], model("x", 1))).toHaveLength(1);
});

it("names a model by its score and origin", () => {
  expect(modelName(model("a", 4))).toBe("99.12 %, trial 4 of First digits");
});

it("finds the likeliest class", () => {
  expect(likeliest(Float32Array.of(0.1, 0.7, 0.2))).toBe(1);
  expect(likeliest(new Float32Array())).toBeUndefined();
  expect(likeliest(undefined)).toBeUndefined();
});

it("lets most models decide, and certainty among equals", () => {
  expect(vote([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55]])).toMatchObject({ class: 1, votes: 2 });
  expect(vote([[0.9, 0.1], [0.4, 0.6]])).toMatchObject({ class: 0, votes: 1, share: 0.65 });
  expect(vote([])).toBeUndefined();
});
