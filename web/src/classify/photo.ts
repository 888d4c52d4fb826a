// What a photo may show, and what pretrained models and their classes are called.

import type { BundleView } from "../api/types";

/** How many labels a photo gets. */
export const TOP = 5;

/** A label and how likely it is, from 0 to 1. */
export interface PhotoLabel {
  label: string;
  score: number;
}

/** The first of a class's names: ImageNet's classes have several, the usual one first. */
export function shortName(label: string): string {
  return label.split(",", 1)[0] ?? label;
}

/** A bundle in a list of models. */
export function bundleName({ name, classes }: BundleView): string {
  return `${name}, ${classes} classes`;
}
