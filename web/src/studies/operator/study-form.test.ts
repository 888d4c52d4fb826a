import { expect, it } from "vitest";

import { BEGIN, entry, studyFile } from "./study-form";

it.each([
  ["0.01", "0.01"],
  ["1e-3", "1e-3"],
  ["true", "true"],
  ["sgd", '"sgd"'],
  ["adamw, sgd", '{ type = "categorical", choices = ["adamw", "sgd"] }'],
  ["64, 128", '{ type = "categorical", choices = [64, 128] }'],
  ["1e-3 to 1e-1 log", '{ type = "float", low = 1e-3, high = 1e-1, log = true }'],
  ["0 to 2", '{ type = "int", low = 0, high = 2 }'],
  ["0.0 to 0.4", '{ type = "float", low = 0.0, high = 0.4 }'],
])("writes %s as %s", (text, toml) => {
  expect(entry(text)).toBe(toml);
});

it("writes a whole study file", () => {
  expect(studyFile(BEGIN)).toMatchInlineSnapshot(`
    "name = "My study"
    dataset = "mnist"
    trials = 24
    sampler = "tpe"
    pruner = "none"

    [space]
    learning_rate = { type = "float", low = 1e-3, high = 1e-1, log = true }
    hidden_units = { type = "int", low = 32, high = 256, log = true }
    epochs = 2
    "
  `);
});

it("leaves out what has no value", () => {
  const parameters = [{ name: "dropout", text: " " }, { name: "", text: "1" }];
  expect(studyFile({ ...BEGIN, parameters })).not.toMatch(/dropout|= 1$/);
});
