// A tab that goes away in the middle of a trial: somebody else finishes it, and nobody can tell.

import type { TrialDetail } from "../web/src/api/types";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

const FLAGS = ["--checkpoint-secs", "1", "--grace-secs", "1"];
const LONG = { ...SMALL, epochs: 80 };

test("a tab closed mid-trial loses nothing: another finishes it from its checkpoint, to the same bit", async ({
  serve,
  openLending,
  digits,
}) => {
  const study = studyFile({ name: "Interrupted", dataset: digits, trials: 1, seed: 7, fixed: LONG });
  const server = await serve({ study, flags: FLAGS });
  const first = await openLending(server, "First");
  await first.lend();
  const checkpointStep = async (): Promise<number> => (await server.api.trials(1))[0]?.checkpoint_step ?? 0;
  await expect.poll(checkpointStep, { timeout: 60_000 }).toBeGreaterThan(0);
  await first.close();

  const second = await openLending(server, "Second");
  await second.lend();
  const lease = await second.firstLease();
  expect(lease).toMatchObject({ trial: 0, attempt: 2 });
  expect(lease.checkpoint?.step).toBeGreaterThan(0);
  await expect(second.core(1)).toContainText("attempt 2");
  await expect.poll(() => server.api.state(1, 0), { timeout: 120_000 }).toBe("verified");

  const resumed = await server.api.trial(1, 0);
  expect(resumed.attempts).toBe(2);
  expect(resumed.leases).toMatchObject([
    { attempt: 1, ended: "expired", volunteer: { nickname: "First" } },
    { attempt: 2, ended: "claimed", volunteer: { nickname: "Second" } },
  ]);

  const quiet = await serve({ study, flags: FLAGS });
  const third = await openLending(quiet, "Third");
  await third.lend();
  await expect.poll(() => quiet.api.state(1, 0), { timeout: 120_000 }).toBe("verified");
  const whole = await quiet.api.trial(1, 0);
  expect(whole.attempts).toBe(1);
  expect(whole.seed).toBe(resumed.seed);
  expect(resumed.weights_sha256).toBe(whole.weights_sha256);
  expect(states(resumed)).toEqual(states(whole));
  expect(resumed.validation_score).toBe(whole.validation_score);
});

/** The state after each epoch, by its hash. */
function states({ epochs }: TrialDetail): string[] {
  return epochs.map(({ epoch, step, state_sha256 }) => `${epoch} ${step} ${state_sha256}`);
}
