// What a class is called where pictures are shown by class.

import { shortName } from "../classify/photo";

/** A class by its name and number; by its number alone where the server has no other name for it. */
export function className(label: number, name: string): string {
  return name === String(label) ? `Class ${label}` : `${shortName(name)} (class ${label})`;
}
