// Numbers as people read them. English notation everywhere: the pages are in English.

/** Stands where there is no number yet. */
export const NONE = "–";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A count, such as 12,345. */
export function count(value: number): string {
  return whole.format(value);
}

/** A fraction from 0 to 1 as a percentage with two decimals, such as 99.18 %. */
export function percent(fraction: number | null | undefined): string {
  return fraction == null ? NONE : `${(fraction * 100).toFixed(2)} %`;
}

/** A fraction as a whole percentage that shows 100 % only when it is reached. */
export function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.floor((part / whole) * 100)) : 0;
}

/** A loss in nats. */
export function loss(value: number | null | undefined): string {
  if (value == null) return NONE;
  return Number.isFinite(value) ? value.toFixed(4) : "not a number";
}

/** Images per second; nothing before the first measurement. */
export function speed(imagesPerSec: number | null | undefined): string {
  return imagesPerSec == null || imagesPerSec <= 0 ? NONE : whole.format(imagesPerSec);
}
