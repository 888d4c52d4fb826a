import { expect, it } from "vitest";

import { actions } from "./actions";

it.each([
  ["running", ["pause", "stop"]],
  ["paused", ["resume", "stop"]],
  ["finished", []],
  ["unheard of", []],
])("offers for a study that is %s: %s", (state, offered) => {
  const possible = Object.entries(actions(state)).flatMap(([name, can]) => (can ? [name] : []));
  expect(possible).toEqual(offered);
});
