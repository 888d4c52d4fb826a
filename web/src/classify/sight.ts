// What was seen in a picture, on its way from the worker to the page, and what people are shown of it.

import { likeliest } from "./model";

/** Pixels `left..right`, `top..bottom` of a picture. */
export interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Rows and columns of a digit as models see it. */
export const DIGIT_SIDE = 28;

/** Rows and columns that its ink is fitted into. */
export const FITTED_SIDE = 20;

export interface SeenDigit {
  area: Area;
  /** `[20, 20]`, white on black. */
  fitted: Uint8Array;
  /** `[28, 28]`, white on black. */
  pixels: Uint8Array;
  /** By a model's weights: how likely it finds each class. */
  opinions: ReadonlyMap<string, Float32Array>;
}

/** A picture and the digits in it, in reading order. */
export interface Sight {
  width: number;
  height: number;
  /** Without shading, dark on white. */
  evened: Uint8Array;
  /** The digits' ink, white on black. */
  ink: Uint8Array;
  digits: SeenDigit[];
}

/** A picture of one byte per pixel. */
export interface Grey {
  width: number;
  height: number;
  values: Uint8Array;
}

/** A part of a picture. */
export function cropped({ width, values }: Grey, { left, top, right, bottom }: Area): Grey {
  const part = new Uint8Array((right - left) * (bottom - top));
  for (let row = top; row < bottom; row += 1) {
    part.set(values.subarray(row * width + left, row * width + right), (row - top) * (right - left));
  }
  return { width: right - left, height: bottom - top, values: part };
}

/** Red, green, blue and opacity of each pixel. */
export function rgba(values: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * values.length);
  values.forEach((value, i) => pixels.set([value, value, value, 255], 4 * i));
  return pixels;
}

/** What the parts of arrays `[digits, …]` say about each digit. */
export function parted<T extends { subarray(begin: number, end: number): T; length: number }>(all: T, count: number): T[] {
  const length = count > 0 ? all.length / count : 0;
  return Array.from({ length: count }, (_, i) => all.subarray(i * length, (i + 1) * length));
}

/** The digits as a model reads them, such as "42". */
export function readBy(name: string, { digits }: Sight): string {
  return digits.map(({ opinions }) => likeliest(opinions.get(name)) ?? "?").join("");
}
