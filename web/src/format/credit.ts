// Credit as people read it: multiply-adds, in words where there are many.

const UNITS = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"] as const;

/** A number of multiply-adds, as the server writes it, such as "1.23 trillion". */
export function multiplyAdds(credit: string): string {
  let value = Number(credit);
  let unit = 0;
  // What rounds to a thousand of a unit is one of the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return String(Math.round(value));
  return `${value.toPrecision(3)} ${UNITS[unit]}`;
}
