import { expect, it } from "vitest";

import type { LeaderboardRow, Parameters } from "../api/types";
import { BY_RANK, clicked, ordered } from "./order";

function row(rank: number, parameters: Parameters): LeaderboardRow {
  return {
    rank,
    trial: 10 - rank,
    parameters,
    seed: "1",
    numerics: 1,
    validation_score: 1 - rank / 100,
    test_score: 0.9,
    weights_sha256: "",
    volunteer: { id: 1, nickname: "a" },
    attempts: 1,
    verified_millis: 0,
  };
}

const ROWS = [
  row(2, { learning_rate: 0.01, optimizer: "sgd" }),
  row(1, { learning_rate: 0.1, optimizer: "adamw" }),
  row(3, { optimizer: "adamw" }),
];
const ranks = (rows: LeaderboardRow[]) => rows.map(({ rank }) => rank);

it("orders by rank first", () => {
  expect(ranks(ordered(ROWS, BY_RANK))).toEqual([1, 2, 3]);
});

it("orders by a hyper-parameter, rows without it last either way", () => {
  const column = { parameter: "learning_rate" };
  expect(ranks(ordered(ROWS, { column, descending: false }))).toEqual([2, 1, 3]);
  expect(ranks(ordered(ROWS, { column, descending: true }))).toEqual([1, 2, 3]);
});

it("breaks ties by rank", () => {
  expect(ranks(ordered(ROWS, { column: { parameter: "optimizer" }, descending: true }))).toEqual([2, 1, 3]);
});

it("begins with the best score and turns round at the second click", () => {
  const column = { field: "test_score" } as const;
  const once = clicked(BY_RANK, column);
  expect(once.descending).toBe(true);
  expect(clicked(once, column).descending).toBe(false);
  expect(clicked(BY_RANK, { field: "trial" }).descending).toBe(false);
});
