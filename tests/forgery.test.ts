// Somebody who claims what was not trained: nothing of it reaches the leaderboard, nobody honest is
// disturbed, and in the end an honest tab does the work.

import { createHash, randomBytes } from "node:crypto";

import type { LeaderboardRow } from "../web/src/api/types";
import type { LendingTab } from "./support/lending";
import type { Server } from "./support/server";
import { claim } from "./support/stranger";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

/** Two models that anybody can download: one of the shape that the forger needs, one of another. */
const SHAPES = [{ hidden_units: 32 }, { hidden_units: 24 }];

function publicModels(dataset: string): string {
  const { hidden_units: _, ...fixed } = SMALL;
  return studyFile({ name: "Public", dataset, trials: 2, fixed, choices: { hidden_units: [32, 24] }, enqueued: SHAPES });
}

test("forged claims are refused, their author gets no more work, and an honest tab finishes the trials", async ({
  serve,
  openLending,
  openStranger,
  digits,
}) => {
  const server = await serve({ study: publicModels(digits) });
  const honest = await openLending(server, "Honest");
  await honest.lend();
  const { same, other, correct, count } = await modelsOf(server, honest);
  await honest.stop();

  const target = studyFile({ name: "Target", dataset: digits, trials: 3, seed: 2, fixed: SMALL });
  const study = await server.createStudy(target);
  const mallory = await openStranger(server, "Mallory");
  const { socket, lease } = await mallory.lease();
  expect(lease).toMatchObject({ study, trial: 0, attempt: 1 });

  await test.step("bytes under another hash are not stored", async () => {
    expect(await mallory.upload(sha256("some bytes"), "other bytes", lease.token)).toBe(400);
    expect(await mallory.upload(sha256("some bytes"), "some bytes", randomBytes(16).toString("hex"))).not.toBe(204);
  });

  await test.step("a hash that was never uploaded is not taken", async () => {
    await socket.say(claim(lease.token, sha256("never uploaded"), correct, count));
    expect(await socket.next("claim_answer")).toMatchObject({ lease: lease.token, taken: false });
    // Public, but not uploaded with this lease.
    await socket.say(claim(lease.token, same.weights_sha256, correct, count));
    expect(await socket.next("claim_answer")).toMatchObject({ lease: lease.token, taken: false });
  });

  await test.step("a copy of another trial's weights is not taken, though it scores as claimed", async () => {
    expect(await mallory.uploadCopy(same.weights_sha256, lease.token)).toBe(204);
    await socket.say(claim(lease.token, same.weights_sha256, correct, count));
    expect(await socket.next("claim_answer")).toMatchObject({ taken: false, reason: "these are the weights of another trial" });
  });

  await test.step("weights that score differently are found out; the same claim again is refused", async () => {
    const altered = await mallory.uploadAltered(same.weights_sha256, lease.token);
    const forged = claim(lease.token, altered, correct + 1, count);
    await socket.say(forged);
    await socket.say(forged);
    expect(await socket.next("claim_answer")).toMatchObject({ lease: lease.token, taken: true });
    expect(await socket.next("claim_answer")).toMatchObject({ lease: lease.token, taken: false });
    const verdict = await socket.next("verdict");
    expect(verdict).toMatchObject({ study, trial: 0, verified: false });
    expect(verdict["reason"]).toContain(`claimed ${correct + 1} of ${count} validation images right`);
    expect(await server.api.state(study, 0)).toBe("waiting");
  });

  await test.step("a trial is not given again to whoever forged it; weights of another shape are found out", async () => {
    await socket.say({ type: "ready" });
    const next = await socket.next("lease");
    expect(next).toMatchObject({ study, trial: 1 });
    const token = String(next["token"]);
    const altered = await mallory.uploadAltered(other.weights_sha256, token);
    await socket.say(claim(token, altered, correct, count));
    expect(await socket.next("claim_answer")).toMatchObject({ taken: true });
    expect(await socket.next("verdict")).toMatchObject({ trial: 1, verified: false });
    expect(await server.api.state(study, 1)).toBe("waiting");
  });

  await test.step("a divergence that does not happen is found out; after three lies there is no more work", async () => {
    await socket.say({ type: "ready" });
    const next = await socket.next("lease");
    expect(next).toMatchObject({ study, trial: 2 });
    await socket.say({ type: "claim", lease: next["token"], outcome: { kind: "diverged", step: 3 } });
    expect(await socket.next("claim_answer")).toMatchObject({ taken: true });
    expect(await socket.next("verdict")).toMatchObject({ trial: 2, verified: false });
    expect(await server.api.state(study, 2)).toBe("waiting");
    await socket.say({ type: "ready" });
    expect(await socket.next("no_work")).toMatchObject({ reason: "not_trusted" });
  });

  await honest.lend();
  await expect.poll(async () => (await server.api.study(study)).state, { timeout: 60_000 }).toBe("finished");
  const rows = await server.api.leaderboard(study);
  expect(rows.map(({ trial }) => trial).toSorted()).toEqual([0, 1, 2]);
  for (const row of rows) {
    expect(row).toMatchObject({ attempts: 2, volunteer: { nickname: "Honest" } });
  }
});

test("a stranger with another's lease or another's name disturbs nobody", async ({ serve, openLending, openStranger, digits }) => {
  const fixed = { ...SMALL, epochs: 30 };
  const server = await serve({ study: studyFile({ name: "Guarded", dataset: digits, trials: 1, fixed }) });
  const honest = await openLending(server, "Honest");
  await honest.lend();
  const { token } = await honest.firstLease();
  const mallory = await openStranger(server, "Mallory");

  await test.step("a claim, an epoch, a checkpoint or a release under another's lease changes nothing", async () => {
    const stolen = await mallory.greet();
    await stolen.say(claim(token, sha256("anything"), 1, 1));
    expect(await stolen.next("claim_answer")).toMatchObject({ lease: token, taken: false });
    await stolen.say({ type: "claim", lease: token, outcome: { kind: "diverged", step: 1 } });
    expect(await stolen.next("claim_answer")).toMatchObject({ lease: token, taken: false });
    const score = { validation_correct: 1, validation_count: 1, mean_loss: 0, state_sha256: sha256("state") };
    await stolen.say({ type: "epoch", lease: token, epoch: 1, step: 1, ...score });
    expect(await stolen.next("stop")).toMatchObject({ lease: token });
    await stolen.say({ type: "checkpoint", lease: token, step: 1, sha256: sha256("checkpoint") });
    expect(await stolen.next("stop")).toMatchObject({ lease: token });
    await stolen.say({ type: "release", lease: token, reason: "failed" });
    await stolen.say({ type: "ready" });
    expect(await stolen.next("no_work"), "the trial was not freed").toMatchObject({ reason: "all_leased" });
  });

  await test.step("a lease can't be resumed by somebody else", async () => {
    const resuming = await mallory.greet({ resume: token });
    expect(await resuming.next("welcome")).toMatchObject({ resumed: false });
  });

  await test.step("a worker's name gives no right to its place", async () => {
    const [worker] = (await server.api.study(1)).workers.filter(({ volunteer }) => volunteer.nickname === "Honest");
    const impostor = await mallory.greet({ worker: worker?.worker ?? "" });
    await impostor.next("welcome");
    await impostor.close();
  });

  await expect.poll(() => server.api.state(1, 0), { timeout: 120_000 }).toBe("verified");
  const trial = await server.api.trial(1, 0);
  expect(trial.leases).toMatchObject([{ attempt: 1, ended: "claimed", volunteer: { nickname: "Honest" } }]);
  expect(trial.epochs).toHaveLength(30);
  expect(honest.sockets, "the honest tab never had to reconnect").toHaveLength(1);
});

test("a checkpoint that is none does not keep others from finishing the trial", async ({ serve, openLending, openStranger, digits }) => {
  const server = await serve({ study: studyFile({ name: "Poisoned", dataset: digits, trials: 1, fixed: SMALL }) });
  const mallory = await openStranger(server, "Mallory");
  const { socket, lease } = await mallory.lease();
  const bytes = "no checkpoint at all";
  expect(await mallory.upload(sha256(bytes), bytes, lease.token)).toBe(204);
  await socket.say({ type: "checkpoint", lease: lease.token, step: 1_000_000, sha256: sha256(bytes) });
  await expect.poll(async () => (await server.api.trials(1))[0]?.checkpoint_step).toBe(1_000_000);
  await socket.say({ type: "release", lease: lease.token, reason: "stopped" });
  await expect.poll(() => server.api.state(1, 0)).toBe("waiting");
  await socket.close();

  const honest = await openLending(server, "Honest");
  honest.watched.expectComplaint(/checkpoint: not a safetensors file/);
  await honest.lend();
  await expect.poll(() => server.api.state(1, 0), { timeout: 60_000 }).toBe("verified");
  expect(await server.api.leaderboard(1)).toMatchObject([{ volunteer: { nickname: "Honest" } }]);
});

interface PublicModels {
  same: LeaderboardRow;
  other: LeaderboardRow;
  /** Validation images that `same` gets right, of how many. */
  correct: number;
  count: number;
}

/** The two models of the first study, once the tab has trained them. */
async function modelsOf(server: Server, tab: LendingTab): Promise<PublicModels> {
  await expect.poll(async () => (await server.api.study(1)).state, { timeout: 60_000 }).toBe("finished");
  const rows = await server.api.leaderboard(1);
  const same = rows.find(({ parameters }) => parameters["hidden_units"] === 32);
  const other = rows.find(({ parameters }) => parameters["hidden_units"] === 24);
  if (!same || !other) throw new Error("both trials must be on the leaderboard");
  const token = tab.leases.find(({ trial }) => trial === same.trial)?.token;
  const scored = tab.said.findLast(({ type, lease }) => type === "epoch" && lease === token);
  return { same, other, correct: Number(scored?.["validation_correct"]), count: Number(scored?.["validation_count"]) };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
