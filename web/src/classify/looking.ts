// Looks at pixels with models: finds the digits and asks each model about each of them. The same in a Web
// Worker and in a page that is alone in its file.

import { Handwriting, type Classifier } from "../wasm/worker_wasm.js";
import { parted, type Area, type SeenDigit, type Sight } from "./sight";

/** Models that are asked, by their weights' hash or any other name. */
export type Classifiers = ReadonlyMap<string, Classifier>;

/** What is seen in a picture; nothing where there is no ink in it. */
export function look({ data, width, height }: ImageData, classifiers: Classifiers): Sight | undefined {
  const handwriting = found(new Uint8Array(data.buffer), width, height);
  if (!handwriting) return undefined;
  try {
    return { width, height, evened: handwriting.evened(), ink: handwriting.ink(), digits: digits(handwriting, classifiers) };
  } finally {
    handwriting.free();
  }
}

function found(rgba: Uint8Array, width: number, height: number): Handwriting | undefined {
  try {
    return new Handwriting(rgba, width, height);
  } catch {
    return undefined;
  }
}

function digits(handwriting: Handwriting, classifiers: Classifiers): SeenDigit[] {
  const areas = handwriting.areas();
  const count = areas.length / 4;
  const all = handwriting.pixels();
  const [fitted, pixels] = [parted(handwriting.fitted(), count), parted(all, count)];
  const opinions = [...classifiers].map(([name, classifier]) => [name, parted(classifier.probabilities(all), count)] as const);
  return parted(areas, count).map((sides, i) => ({
    area: area(sides),
    fitted: fitted[i] ?? new Uint8Array(),
    pixels: pixels[i] ?? new Uint8Array(),
    opinions: new Map(opinions.map(([name, of]) => [name, of[i] ?? new Float32Array()])),
  }));
}

function area([left = 0, top = 0, right = 0, bottom = 0]: Uint32Array): Area {
  return { left, top, right, bottom };
}
