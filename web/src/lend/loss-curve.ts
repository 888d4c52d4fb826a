// The loss of a trial while it is trained, as a drawing: few enough points to be drawn several times a
// second, on a logarithmic axis, because a loss falls by factors.

export interface LossPoint {
  step: number;
  /** In nats. */
  loss: number;
}

/** More would be closer to each other than a line is thick. */
const MOST_POINTS = 240;

/** A loss of nothing has no logarithm. */
const LEAST_LOSS = 1e-6;

/** Weight of what came before in the smooth line; single batches jump. */
const INERTIA = 0.7;

/**
 * With the newest point of a trial of so many steps; it takes the last one's place where that is too
 * close to the one before. A step that was done before is not added again.
 */
export function withPoint(points: readonly LossPoint[], point: LossPoint, steps: number): readonly LossPoint[] {
  const last = points.at(-1);
  if (last && last.step >= point.step) return points;
  const before = points.at(-2);
  const isClose = before !== undefined && point.step - before.step < steps / MOST_POINTS;
  return [...(isClose ? points.slice(0, -1) : points), point];
}

/** Without the jumps of single batches: a running mean of the logarithm, as it is drawn. */
export function smoothed(points: readonly LossPoint[]): LossPoint[] {
  let mean: number | undefined;
  return points.map(({ step, loss }) => {
    const height = Math.log(Math.max(loss, LEAST_LOSS));
    mean = mean === undefined ? height : INERTIA * mean + (1 - INERTIA) * height;
    return { step, loss: Math.exp(mean) };
  });
}

export interface Scale {
  /** Steps of the whole trial. */
  steps: number;
  /** Powers of two around all losses, in nats. */
  low: number;
  high: number;
}

/** The axes for these points. */
export function scale(points: readonly LossPoint[], steps: number): Scale {
  const losses = points.map(({ loss }) => loss).filter((loss) => loss > 0);
  if (losses.length === 0) return { steps, low: 1 / 2, high: 2 };
  const low = 2 ** Math.floor(Math.log2(Math.min(...losses)));
  const high = 2 ** Math.ceil(Math.log2(Math.max(...losses)));
  return { steps, low, high: high > low ? high : 2 * low };
}

/** The points as the path of an SVG of this size. */
export function path(points: readonly LossPoint[], { steps, low, high }: Scale, width: number, height: number): string {
  const x = (step: number): number => (Math.min(step, steps) / Math.max(1, steps)) * width;
  const y = (loss: number): number => {
    const share = Math.log(Math.max(loss, low) / low) / Math.log(high / low);
    return height * (1 - Math.min(1, share));
  };
  return points.map(({ step, loss }, i) => `${i === 0 ? "M" : "L"}${round(x(step))} ${round(y(loss))}`).join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
