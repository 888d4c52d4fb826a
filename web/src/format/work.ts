// Amounts of computation as people read them.

const UNITS = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"] as const;

/** A number of multiply-adds in three digits and a word, such as `1.53 trillion`. */
export function work(multiplyAdds: number): string {
  const power = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, multiplyAdds)) / 3)));
  const figure = Number((multiplyAdds / 1000 ** power).toPrecision(3));
  return `${figure} ${UNITS[power]}`.trim();
}
