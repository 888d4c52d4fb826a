// Scaling: how much is trained by how many workers, and what it would be if each one more counted fully.

import type { WorkView } from "../../api/types";
import { numberAxis } from "./axis";
import { legend } from "./legend";
import { acrossSpan, axes, canvas, MARGIN, upSpan, type Hit, type Plot, type Size } from "./plot";
import { dots, line } from "./svg";
import { quantile } from "./data";

type Slot = WorkView["slots"][number];

const KEYS = [
  { label: "a stretch of time", className: "early" },
  { label: "mean", className: "scored" },
  { label: "each worker counts fully", className: "key-ideal" },
];

export function scaling({ slots }: Pick<WorkView, "slots">, whole: Size): Plot {
  const keys = legend("", KEYS, MARGIN.left, whole.width);
  const size = { ...whole, top: keys.bottom };
  const each = perWorker(slots);
  const most = Math.max(1, ...slots.map(({ workers }) => workers));
  const across = numberAxis("workers", [0, most * 1.05], false, acrossSpan(size));
  const high = Math.max(1, most * each, ...slots.map((slot) => slot.epochs_per_min));
  const up = numberAxis("epochs a minute", [0, high * 1.05], false, upSpan(size));
  const place = (workers: number, epochs: number) => ({ x: across.place(workers) ?? 0, y: up.place(epochs) ?? 0 });
  const hits = slots.map((slot): Hit => ({ ...place(slot.workers, slot.epochs_per_min), label: described(slot), trial: undefined }));
  const means = byWorkers(slots);
  return {
    drawing: canvas(
      size,
      axes(size, across, up),
      keys.node,
      each > 0 ? line([place(0, 0), place(most, most * each)], "ideal") : null,
      dots(hits, "early"),
      line(means.map(({ workers, epochs }) => place(workers, epochs)), "best"),
      dots(means.map(({ workers, epochs }) => place(workers, epochs)), "scored large"),
    ),
    hits,
    table: {
      columns: ["begin", "workers", "epochs a minute"],
      rows: slots.map((slot) => [new Date(slot.begin_millis).toISOString(), slot.workers, slot.epochs_per_min]),
    },
    summary: summary(means, each),
  };
}

/** Epochs a minute of one worker, where there were fewest: the median of the stretches with few workers. */
export function perWorker(slots: readonly Slot[]): number {
  const busy = slots.filter(({ workers }) => workers >= 0.5);
  if (busy.length === 0) return 0;
  const few = Math.max(1.5, Math.min(...busy.map(({ workers }) => workers)) * 1.25);
  const rates = busy.filter(({ workers }) => workers <= few).map(({ workers, epochs_per_min }) => epochs_per_min / workers);
  return quantile(rates.sort((a, b) => a - b), 0.5) || 0;
}

interface Mean {
  workers: number;
  epochs: number;
}

/** Means of the stretches with about the same number of workers. */
function byWorkers(slots: readonly Slot[]): Mean[] {
  const most = Math.max(1, ...slots.map(({ workers }) => workers));
  const width = Math.max(1, Math.ceil(most / 16));
  const together = new Map<number, Slot[]>();
  for (const slot of slots.filter(({ workers }) => workers >= 0.5)) {
    const key = Math.round(slot.workers / width);
    together.set(key, [...(together.get(key) ?? []), slot]);
  }
  return [...together.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, group]) => ({ workers: mean(group.map(({ workers }) => workers)), epochs: mean(group.map((slot) => slot.epochs_per_min)) }));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function described({ workers, epochs_per_min }: Slot): string {
  return `${workers.toFixed(1)} workers\n${epochs_per_min.toFixed(1)} epochs a minute`;
}

function summary(means: readonly Mean[], each: number): string {
  const last = means.at(-1);
  if (!last || each <= 0) return "Too little has been trained to tell.";
  const share = Math.round((last.epochs / (last.workers * each)) * 100);
  return `${last.workers.toFixed(1)} workers train ${last.epochs.toFixed(1)} epochs a minute: ${share} % of that many times one worker.`;
}
