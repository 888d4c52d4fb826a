// Learning curves: the score of each trial after each of its epochs, the best trials in front.

import type { CurveList } from "../../api/types";
import { percent } from "../../format/number";
import { numberAxis, scoreAxis } from "./axis";
import { acrossSpan, axes, canvas, upSpan, type Hit, type Plot, type Size } from "./plot";
import { line, pathThrough, svg } from "./svg";

type Curve = CurveList["curves"][number];

/** Curves that stand out. */
const IN_FRONT = 5;
/** Longer trainings are shown on a logarithmic axis: most happens at their beginning. */
const LONG_EPOCHS = 30;

export function learningCurves({ curves }: CurveList, size: Size): Plot {
  const longest = Math.max(1, ...curves.flatMap(({ epoch }) => epoch));
  const across = numberAxis("epoch", [1, longest], longest > LONG_EPOCHS, acrossSpan(size));
  const whole = { ...across, ticks: across.ticks.filter(({ label }) => !label.includes(".")) };
  const up = scoreAxis("validation score", curves.flatMap(({ score }) => score), upSpan(size));
  const lines = curves.map((curve) => curve.epoch.map((epoch, index) => hit(curve, epoch, index, across.place, up.place)));
  const byScore = curves.map((_, index) => index).sort((a, b) => lastScore(curves[b]) - lastScore(curves[a]));
  const front = byScore.slice(0, IN_FRONT);
  const behind = lines.filter((_, index) => !front.includes(index));
  return {
    drawing: canvas(
      size,
      axes(size, whole, up),
      svg("path", { class: "curve", d: behind.map(pathThrough).join("") }),
      ...front.toReversed().map((index) => line(lines[index] ?? [], index === front[0] ? "curve first" : "curve front")),
    ),
    hits: lines.flat(),
    table: {
      columns: ["trial", "epoch", "validation score"],
      rows: curves.flatMap(({ trial, epoch, score }) => epoch.map((at, index) => [trial, at, score[index] ?? null])),
      trialColumn: 0,
    },
    summary: summary(curves[front[0] ?? -1], curves.length),
  };
}

type Place = (value: number) => number | undefined;

function hit({ trial, score }: Curve, epoch: number, index: number, across: Place, up: Place): Hit {
  const reached = score[index] ?? 0;
  const label = `Trial ${trial}: ${percent(reached)} after ${epoch} ${epoch === 1 ? "epoch" : "epochs"}`;
  return { x: across(epoch) ?? 0, y: up(reached) ?? 0, label, trial };
}

function lastScore(curve: Curve | undefined): number {
  return curve?.score.at(-1) ?? 0;
}

function summary(best: Curve | undefined, count: number): string {
  if (!best) return "No epoch has been reported yet.";
  return `Of ${count} curves the best is that of trial ${best.trial}: ${percent(lastScore(best))} after ${best.epoch.at(-1)} epochs.`;
}
