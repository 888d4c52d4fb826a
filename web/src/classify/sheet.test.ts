import { expect, it } from "vitest";

import { ALL, BY_PICTURE, clicked, csv, shown, type Row } from "./sheet";

const row = (picture: string, of: number, confidence: number, votes = 5): Row => ({
  picture,
  digit: 1,
  class: of,
  confidence,
  votes,
  models: 5,
  pixels: new Uint8Array(),
});
const ROWS = [row("b10.png", 3, 0.5, 2), row("b9.png", 7, 0.99), row("a.png", 3, 0.8)];
const pictures = (rows: readonly Row[]): string[] => rows.map(({ picture }) => picture);

it("sorts names as people count", () => {
  expect(pictures(shown(ROWS, ALL, BY_PICTURE))).toEqual(["a.png", "b9.png", "b10.png"]);
});

it("filters by class and confidence, bounds included", () => {
  expect(pictures(shown(ROWS, { ...ALL, class: 3 }, BY_PICTURE))).toEqual(["a.png", "b10.png"]);
  expect(pictures(shown(ROWS, { ...ALL, least: 0.5, most: 0.8 }, BY_PICTURE))).toEqual(["a.png", "b10.png"]);
  expect(shown(ROWS, { ...ALL, most: 0.4 }, BY_PICTURE)).toEqual([]);
});

it("orders by any column, and the other way at the second click", () => {
  const once = clicked(BY_PICTURE, "confidence");
  expect(pictures(shown(ROWS, ALL, once))).toEqual(["b10.png", "a.png", "b9.png"]);
  expect(pictures(shown(ROWS, ALL, clicked(once, "confidence")))).toEqual(["b9.png", "a.png", "b10.png"]);
  expect(clicked(clicked(once, "confidence"), "confidence")).toEqual(once);
});

it("writes what any table program reads", () => {
  expect(csv([row('mine, "best".png', 7, 0.987654321)])).toBe(
    'picture,digit,class,confidence,votes,models\r\n"mine, ""best"".png",1,7,0.987654,5,5\r\n',
  );
});
