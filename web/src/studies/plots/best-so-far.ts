// Score over time: every trial when it ended, and the best until then.

import type { TrialColumns } from "../../api/types";
import { percent } from "../../format/number";
import { elapsed, elapsedAxis, scoreAxis } from "./axis";
import { described, scored, trialPoints } from "./data";
import { legend } from "./legend";
import { acrossSpan, axes, canvas, MARGIN, upSpan, type Hit, type Plot, type Size } from "./plot";
import { dots, line } from "./svg";

const KEYS = [
  { label: "verified", className: "scored" },
  { label: "resting or pruned", className: "early" },
  { label: "best so far", className: "key-best" },
];

/** Time runs from `sinceMillis`, when the study was created. */
export function bestSoFar(columns: TrialColumns, sinceMillis: number, whole: Size): Plot {
  const keys = legend("", KEYS, MARGIN.left, whole.width);
  const size = { ...whole, top: keys.bottom };
  const points = scored(trialPoints(columns), true);
  const { best } = columns;
  const last = Math.max(0, ...points.map(({ changedMillis }) => changedMillis - sinceMillis), (best.millis.at(-1) ?? 0) - sinceMillis);
  const across = elapsedAxis("time since the study was created", last * 1.02, acrossSpan(size));
  const up = scoreAxis("validation score", [...points.map(({ score }) => score), ...best.score], upSpan(size));
  const names = Object.keys(columns.parameters);
  const hits = points.map((point): Hit => ({
    x: across.place(point.changedMillis - sinceMillis) ?? 0,
    y: up.place(point.score) ?? 0,
    label: described(point, names),
    trial: point.trial,
  }));
  const of = (isVerified: boolean): Hit[] => hits.filter((_, index) => (points[index]?.state === "verified") === isVerified);
  return {
    drawing: canvas(
      size,
      axes(size, across, up),
      keys.node,
      dots(of(false), "early"),
      dots(of(true), "scored"),
      line(steps(best, sinceMillis, last, across.place, up.place), "best"),
    ),
    hits,
    table: {
      columns: ["trial", "state", "seconds", "validation score", "best so far"],
      rows: points.map((point) => [
        point.trial,
        point.state,
        Math.round((point.changedMillis - sinceMillis) / 1000),
        point.score,
        bestAt(best, point.changedMillis),
      ]),
      trialColumn: 0,
    },
    summary: summary(best, sinceMillis),
  };
}

type Place = (value: number) => number | undefined;

/** The corners of the line of the best, up to the last moment. */
function steps(best: TrialColumns["best"], since: number, last: number, across: Place, up: Place): { x: number; y: number }[] {
  const corners = best.score.flatMap((score, index) => {
    const [x, y] = [across((best.millis[index] ?? 0) - since) ?? 0, up(score) ?? 0];
    const before = best.score[index - 1];
    return before === undefined ? [{ x, y }] : [{ x, y: up(before) ?? 0 }, { x, y }];
  });
  const end = corners.at(-1);
  return end ? [...corners, { x: across(last) ?? end.x, y: end.y }] : [];
}

function bestAt(best: TrialColumns["best"], millis: number): number | null {
  const index = best.millis.findLastIndex((at) => at <= millis);
  return best.score[index] ?? null;
}

function summary(best: TrialColumns["best"], since: number): string {
  const [score, millis] = [best.score.at(-1), best.millis.at(-1)];
  if (score === undefined || millis === undefined) return "No trial has been verified yet.";
  return `The best score is ${percent(score)}, reached ${elapsed(millis - since)} after the study was created.`;
}
