// A learning curve as a drawing: where its points and its axes' marks lie.

/** A score after an epoch. */
export interface Point {
  /** From 1. */
  epoch: number;
  /** A fraction. */
  score: number;
}

export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Curve {
  /** Places of the points, in drawing units. */
  points: { x: number; y: number }[];
  /** Marks of the score's axis. */
  scores: { y: number; score: number }[];
  /** Marks of the epochs' axis. */
  epochs: { x: number; epoch: number }[];
}

const MARKS = 6;

/** One point per epoch, in their order: a repeated epoch counts as it came out last. */
export function onePerEpoch<P extends Point>(points: readonly P[]): P[] {
  const byEpoch = new Map(points.map((point) => [point.epoch, point]));
  return [...byEpoch.values()].sort((a, b) => a.epoch - b.epoch);
}

/** Fits the points, one per epoch, into a frame. */
export function curve(points: readonly Point[], frame: Frame): Curve {
  const scores = points.map(({ score }) => score);
  const [low, high] = bounds(scores);
  const last = Math.max(1, ...points.map(({ epoch }) => epoch));
  const x = (epoch: number) => between(frame.left, frame.right, last > 1 ? (epoch - 1) / (last - 1) : 0.5);
  const y = (score: number) => between(frame.bottom, frame.top, (score - low) / (high - low));
  return {
    points: points.map(({ epoch, score }) => ({ x: x(epoch), y: y(score) })),
    scores: [low, (low + high) / 2, high].map((score) => ({ score, y: y(score) })),
    epochs: markedEpochs(last).map((epoch) => ({ epoch, x: x(epoch) })),
  };
}

/** Whole percents around all scores, at least one apart. */
function bounds(scores: readonly number[]): [number, number] {
  if (scores.length === 0) return [0, 1];
  const low = Math.max(0, Math.floor(Math.min(...scores) * 100) / 100);
  const high = Math.min(1, Math.ceil(Math.max(...scores) * 100) / 100);
  if (high > low) return [low, high];
  return low > 0 ? [low - 0.01, high] : [low, high + 0.01];
}

function between(from: number, to: number, share: number): number {
  return Math.round((from + share * (to - from)) * 100) / 100;
}

/** The first and last epoch and a few between, evenly spaced. */
function markedEpochs(last: number): number[] {
  const step = Math.max(1, Math.ceil((last - 1) / (MARKS - 1)));
  const marks = [];
  for (let epoch = 1; epoch <= last; epoch += step) marks.push(epoch);
  return marks;
}
