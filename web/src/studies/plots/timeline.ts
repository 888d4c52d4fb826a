// Timeline: a lane for each worker, in it its leases, coloured by how they ended. A lease that was lost
// is tied to the next one of the same trial.

import type { WorkView } from "../../api/types";
import { elapsed, elapsedAxis } from "./axis";
import { legend } from "./legend";
import { canvas, type Hit, type Plot, type Size } from "./plot";
import { svg, tenth, type SvgNode } from "./svg";

/** Lanes shown; of more workers those that began last. */
export const MOST_LANES = 40;

const LANE = 18;
const GAP = 4;
const NAMES = 116;
const RIGHT = 16;
const TOP = 34;

const KEYS = [
  { label: "finished", className: "key-claimed" },
  { label: "stopped", className: "key-pruned" },
  { label: "lost, given on", className: "key-lost" },
  { label: "goes on", className: "key-running" },
];
const BOTTOM = 44;
const LEAST_WIDTH = 1.5;

/** Ends after which somebody else has to go on. */
const LOST: readonly string[] = ["expired", "released", "requeued", "outdated"];

/** The height that the lanes need. */
export function timelineHeight(workers: number): number {
  return TOP + Math.max(1, Math.min(MOST_LANES, workers)) * (LANE + GAP) + BOTTOM;
}

interface Block {
  trial: number;
  attempt: number;
  ended: string | null;
  granted: number;
  until: number;
  worker: number;
  x: number;
  width: number;
  y: number;
}

export function timeline(work: WorkView, size: Size): Plot {
  const firstLane = Math.max(0, work.workers.length - MOST_LANES);
  const { leases } = work;
  const since = Math.min(work.now_millis, ...leases.granted_millis);
  const ends = leases.ended_millis.map((millis) => millis ?? work.now_millis);
  const across = elapsedAxis("time", Math.max(0, ...ends) - since, [NAMES, size.width - RIGHT]);
  const blocks = leases.trial.flatMap((_, index) => block(work, index, firstLane, since, across.place));
  const bottom = size.height - BOTTOM;
  return {
    drawing: canvas(
      size,
      ...across.ticks.flatMap(({ at, label }) => [
        svg("line", { class: "grid", x1: at, x2: at, y1: TOP, y2: bottom }),
        svg("text", { class: "mark across", x: at, y: bottom + 16 }, label),
      ]),
      svg("text", { class: "title across", x: (NAMES + size.width - RIGHT) / 2, y: size.height - 6 }, "time since the first lease that is shown"),
      ...work.workers.slice(firstLane).map(({ worker, volunteer }, lane) =>
        svg("text", { class: "mark beside", x: NAMES - 8, y: laneTop(lane) + 13 }, `${cut(volunteer.nickname)} ${worker.slice(0, 4)}`),
      ),
      legend("", KEYS, 0, size.width).node,
      ...["claimed", "pruned", "lost", "running"].map((kind) => blocksOf(blocks, kind)),
      ...ties(blocks),
    ),
    hits: blocks.map((one) => hit(one, work)),
    table: {
      columns: ["trial", "attempt", "volunteer", "worker", "granted", "seconds", "ended"],
      rows: blocks.map((one) => [
        one.trial,
        one.attempt,
        work.workers[one.worker]?.volunteer.nickname ?? "",
        work.workers[one.worker]?.worker ?? "",
        new Date(one.granted).toISOString(),
        Math.round((one.until - one.granted) / 100) / 10,
        one.ended ?? "goes on",
      ]),
      trialColumn: 0,
    },
    summary: summary(blocks, work.workers.length),
  };
}

function block({ leases, now_millis }: WorkView, index: number, firstLane: number, since: number, place: (millis: number) => number | undefined): Block[] {
  const worker = leases.worker[index] ?? 0;
  if (worker < firstLane) return [];
  const granted = leases.granted_millis[index] ?? since;
  const until = leases.ended_millis[index] ?? now_millis;
  const x = place(granted - since) ?? 0;
  return [
    {
      trial: leases.trial[index] ?? 0,
      attempt: leases.attempt[index] ?? 1,
      ended: leases.ended[index] ?? null,
      granted,
      until,
      worker,
      x,
      width: Math.max(LEAST_WIDTH, (place(until - since) ?? 0) - x - 1),
      y: laneTop(worker - firstLane),
    },
  ];
}

function laneTop(lane: number): number {
  return TOP + lane * (LANE + GAP);
}

/** What a lease's end means: the colours tell these apart. */
export function kindOf(ended: string | null): "claimed" | "pruned" | "lost" | "running" {
  if (ended === null) return "running";
  if (LOST.includes(ended)) return "lost";
  return ended === "claimed" ? "claimed" : "pruned";
}

function blocksOf(blocks: readonly Block[], kind: string): SvgNode {
  const own = blocks.filter(({ ended }) => kindOf(ended) === kind);
  const d = own.map(({ x, y, width }) => `M${tenth(x)},${tenth(y)}h${tenth(width)}v${LANE}h${tenth(-width)}z`).join("");
  return svg("path", { class: `shift ${kind}`, d });
}

/** From the end of each lost lease to the begin of the trial's next. */
function ties(blocks: readonly Block[]): SvgNode[] {
  return blocks.flatMap((lost) => {
    if (kindOf(lost.ended) !== "lost") return [];
    const next = blocks.find(({ trial, attempt }) => trial === lost.trial && attempt === lost.attempt + 1);
    if (!next) return [];
    const [x1, y1, x2, y2] = [lost.x + lost.width, lost.y + LANE / 2, next.x, next.y + LANE / 2];
    const middle = (x1 + x2) / 2;
    return [svg("path", { class: "tie", d: `M${tenth(x1)},${tenth(y1)}C${tenth(middle)},${tenth(y1)} ${tenth(middle)},${tenth(y2)} ${tenth(x2)},${tenth(y2)}` })];
  });
}

function hit({ trial, attempt, ended, granted, until, worker, x, y, width }: Block, { workers }: WorkView): Hit {
  const who = workers[worker]?.volunteer.nickname ?? "";
  const again = attempt > 1 ? `, attempt ${attempt}` : "";
  const label = `Trial ${trial}${again}\n${who}\n${elapsed(until - granted)}, ${ended ?? "goes on"}`;
  return { x: x + width / 2, y: y + LANE / 2, label, trial };
}

function cut(nickname: string): string {
  return nickname.length > 11 ? `${nickname.slice(0, 10)}…` : nickname;
}

function summary(blocks: readonly Block[], workers: number): string {
  const lost = blocks.filter(({ ended }) => kindOf(ended) === "lost").length;
  return `${blocks.length} leases of ${workers} workers; ${lost} of them came to nothing and were given to somebody else.`;
}
