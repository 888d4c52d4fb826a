// Many pictures labelled by several tabs, one of which goes away, and by somebody who lies: every picture
// gets its labels once, and they are those that an honest tab, or a native worker, alone would give it.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { removeFolder, temporaryFolder } from "./support/folder";
import { look } from "./support/look";
import { NativeWorkers } from "./support/native-worker";
import { labelsOfIdx, pngsOfIdx } from "./support/png";
import { found, results } from "./support/results";
import { expect, test } from "./support/system";
import { SMALL, studyFile } from "./support/study";

test("500 pictures, two tabs, one closed mid-way, and a liar: every picture is labelled once, and rightly", async ({
  serve,
  openLending,
  openPage,
  openStranger,
  digits,
}) => {
  const flags = ["--confirm-secs", "2", "--grace-secs", "1"];
  const server = await serve({ study: studyFile({ name: "Trained", dataset: digits, trials: 1, fixed: SMALL }), flags });
  const first = await openLending(server, "First");
  await first.lend();
  await expect.poll(async () => (await server.api.study(1)).state, { timeout: 60_000 }).toBe("finished");
  await first.stop();

  const folder = temporaryFolder();
  pngsOfIdx(join(digits, "t10k-images-idx3-ubyte")).forEach((png, i) => writeFileSync(join(folder, name(i)), png));
  writeFileSync(join(folder, "notes.txt"), "no picture");

  await test.step("a job is created from the command line", async () => {
    const said = await server.label("create", "--images", folder, "--name", "Digits");
    expect(said).toContain("of 501 pictures");
  });

  await test.step("somebody who lies is found out", async () => {
    const mallory = await openStranger(server, "Mallory");
    const socket = await mallory.greet();
    await socket.say({ type: "ready" });
    const lease = await socket.next("label_lease");
    expect(lease).toMatchObject({ job: 1, chunk: 0, attempt: 1, top: 5 });
    const token = String(lease["token"]);
    const lies = lie(Number(lease["pictures"]));
    const sha256 = createHash("sha256").update(lies).digest("hex");
    await socket.say({ type: "labelled", lease: token, answers_sha256: sha256 });
    expect(await socket.next("claim_answer"), "nothing was uploaded").toMatchObject({ taken: false });
    await socket.say({ type: "ready" });
    const again = String((await socket.next("label_lease"))["token"]);
    expect(await mallory.upload(sha256, lies, again)).toBe(204);
    await socket.say({ type: "labelled", lease: again, answers_sha256: sha256 });
    expect(await socket.next("claim_answer")).toMatchObject({ taken: true });
    expect(await socket.next("label_verdict")).toMatchObject({ job: 1, verified: false });
    await socket.say({ type: "ready" });
    expect(await socket.next("no_work"), "no more of this job").toMatchObject({ reason: "all_leased" });
    await socket.close();
  });

  await test.step("one tab is closed with a chunk in hand, another goes on", async () => {
    await first.lend();
    await expect.poll(() => first.heard.some(({ type }) => type === "label_lease")).toBe(true);
    await first.close();
  });
  const second = await openLending(server, "Second");
  await second.lend();
  await expect.poll(async () => (await server.api.job(1)).state, { timeout: 90_000 }).toBe("finished");
  expect(await server.api.job(1)).toMatchObject({ pictures: 501, labelled: 500, unreadable: 1 });

  const lines = await results(server, 1);
  expect(new Set(lines.map(({ picture }) => picture)).size).toBe(501);
  expect(lines.find(({ picture }) => picture === "notes.txt")?.unreadable).toContain("not a picture");

  await test.step("the labels are those that an honest tab alone gives, and mostly right", async () => {
    await server.label("create", "--images", folder, "--name", "Again");
    await expect.poll(async () => (await server.api.job(2)).state, { timeout: 90_000 }).toBe("finished");
    expect(found(lines)).toEqual(found(await results(server, 2)));
    const truth = labelsOfIdx(join(digits, "t10k-labels-idx1-ubyte"));
    const guesses = new Map(lines.map(({ picture, labels }) => [picture, labels?.[0]?.class]));
    const right = truth.filter((digit, i) => guesses.get(name(i)) === digit).length;
    expect(right).toBeGreaterThan(250);
  });

  await test.step("the page shows a job's pictures by class, and creates a job of what is chosen", async () => {
    const { page } = await openPage(server);
    await page.goto("/jobs");
    await expect(page.getByRole("heading", { name: "Digits" })).toBeVisible();
    await look(page, "jobs");
    await page.getByRole("button", { name: "Operate this server" }).click();
    await page.getByLabel("Token").fill(server.adminToken);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByLabel("Choose pictures").setInputFiles([join(folder, name(0)), join(folder, name(1)), join(folder, "notes.txt")]);
    await page.getByLabel("Name").fill("Three");
    await page.getByRole("button", { name: "Label them" }).click();
    await expect(page.getByRole("heading", { name: "Three" })).toBeVisible();
    await expect(page.getByText("notes.txt")).toBeVisible({ timeout: 60_000 });
    await page.goto("/jobs/1");
    await page.getByText(/^Class \d+: \d+ pictures$/).first().click();
    await expect(page.getByRole("img").first()).toBeVisible();
    await look(page, "job");
  });
  await test.step("a native worker alone gives the same labels, to the bit", async () => {
    await second.stop();
    await server.label("create", "--images", folder, "--name", "Natively");
    const native = NativeWorkers.lend(server, "Third", 1);
    await expect.poll(async () => (await server.api.job(4)).state, { timeout: 90_000 }).toBe("finished");
    await native.stop();
    expect(found(await results(server, 4))).toEqual(found(lines));
  });
  removeFolder(folder);
});

function name(picture: number): string {
  return `digit-${String(picture).padStart(3, "0")}.png`;
}

/** Answers in the form that a worker gives them, out of thin air. */
function lie(pictures: number): string {
  const labels = [0, 1, 2, 3, 4].map((digit) => ({ class: digit, score: 0.5 }));
  return JSON.stringify(Array.from({ length: pictures }, () => ({ labels })));
}
