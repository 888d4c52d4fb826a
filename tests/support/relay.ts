// Relays: plans by which a training is interrupted again and again and goes on elsewhere. Drawn, but
// the same at every run.

export interface Stage {
  platform: string;
  /** The step after which it hands over. */
  until: number;
}

/** A plan over `steps` steps that comes by each platform at least once. */
export function drawRelay(seed: number, platforms: readonly string[], steps: number, always: readonly number[]): Stage[] {
  const random = draws(seed);
  const order = shuffled(platforms, random);
  const stops = new Set([...always, steps]);
  while (stops.size < order.length + 3) stops.add(1 + Math.floor(random() * (steps - 1)));
  const untils = [...stops].toSorted((a, b) => a - b);
  return untils.map((until, i) => ({ platform: order[i % order.length] ?? "", until }));
}

export function described(stages: readonly Stage[]): string {
  return stages.map(({ platform, until }) => `${platform} to ${until}`).join(", ");
}

function shuffled(names: readonly string[], random: () => number): string[] {
  const keyed = names.map((name) => ({ name, key: random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ name }) => name);
}

/** Numbers from 0 to below 1 (SplitMix32). */
function draws(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return ((word ^ (word >>> 15)) >>> 0) / 2 ** 32;
  };
}
