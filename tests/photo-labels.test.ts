// A pretrained model labels photos in tabs and natively: the labels that they should get, to the bit the
// same wherever they are computed, and by name.

import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { removeFolder, temporaryFolder } from "./support/folder";
import { addMobileNet, expectedLabels, hasPhotos, NO_PHOTOS, photoFile, TOLERANCE } from "./support/imagenet";
import type { LendingTab } from "./support/lending";
import { look } from "./support/look";
import { NativeWorkers } from "./support/native-worker";
import { greyPng } from "./support/png";
import { found, results, type Line } from "./support/results";
import type { Server } from "./support/server";
import { SMALL, studyFile } from "./support/study";
import { expect, test } from "./support/system";

/** How often each photo is there: enough for several chunks. */
const COPIES = 16;
/** No server confirms labels before two volunteers have agreed on them. */
const FLAGS = ["--confirm-secs", "600"];

const isThere = hasPhotos();

test("two tabs, and two native workers, give photos the labels that they should get, with the same bits", async ({
  serve,
  openLending,
  openPage,
  digits,
}) => {
  test.skip(!isThere, NO_PHOTOS);
  const server = await serve({ study: study(digits), flags: FLAGS });
  const model = await addMobileNet(server);
  const folder = temporaryFolder();
  for (let copy = 0; copy < COPIES; copy += 1) photosTo(join(folder, String(copy)));
  await server.label("create", "--images", folder, "--model", model, "--name", "In tabs");

  await test.step("a model that a job needs is not removed", async () => {
    await expect(server.model("remove", model)).rejects.toThrow(`${model} is the model of job 1, In tabs, which has not ended`);
    expect(await server.model("list")).toContain(model);
  });

  const tabs = [await openLending(server, "First"), await openLending(server, "Second")];
  for (const tab of tabs) await tab.lend();
  await finished(server, 1);
  for (const tab of tabs) {
    expect(tab.heard.filter(({ type }) => type === "label_lease").length).toBeGreaterThan(0);
    await agrees(tab);
    await tab.stop();
  }
  expect(await server.api.job(1)).toMatchObject({ pictures: 5 * COPIES, labelled: 5 * COPIES, unreadable: 0 });
  const lines = await results(server, 1);
  for (let copy = 0; copy < COPIES; copy += 1) expectRight(lines, `${copy}/`);

  await test.step("native workers say the same, to the bit", async () => {
    await server.label("create", "--images", folder, "--model", model, "--name", "Natively");
    const natives = ["Third", "Fourth"].map((nickname) => NativeWorkers.lend(server, nickname, 1));
    await finished(server, 2);
    for (const native of natives) await native.stop();
    expect(found(await results(server, 2))).toEqual(found(lines));
  });

  await test.step("the page shows photos under the names of their classes", async () => {
    const { page } = await openPage(server);
    await page.goto("/jobs/1");
    await page.getByRole("button", { name: "Show results" }).click();
    await page.getByLabel("Token").fill(server.adminToken);
    await page.getByRole("button", { name: "Go on" }).click();
    const cats = page.getByText(new RegExp(`^Egyptian cat \\(class \\d+\\): ${COPIES} pictures$`));
    await cats.click();
    await expect(page.getByRole("img", { name: "0/cat.jpg", exact: true })).toBeVisible();
    await look(page, "photos-by-class");
  });

  await test.step("the model is removed, and what it has said keeps its names", async () => {
    expect(await server.model("remove", model)).toContain(`removed ${lines[0]?.model_sha256.slice(0, 12)}`);
    expect((await server.model("list")).trim()).toBe("");
    await expect(server.model("remove", model)).rejects.toThrow("there is no bundle");
    expect(found(await results(server, 1))).toEqual(found(lines));
    expect(await server.label("classes", "1")).toMatch(new RegExp(`^ *${COPIES} +\\d+  Egyptian cat$`, "m"));
  });
  removeFolder(folder);
});

test("pictures that can't be read are named, by a tab and a native worker alike, and the photos among them labelled", async ({
  serve,
  openLending,
  digits,
}) => {
  test.skip(!isThere, NO_PHOTOS);
  const server = await serve({ study: study(digits), flags: FLAGS });
  const model = await addMobileNet(server);
  const folder = temporaryFolder();
  photosTo(folder);
  writeFileSync(join(folder, "cut.jpg"), readFileSync(photoFile("cat.jpg")).subarray(0, 20_000));
  writeFileSync(join(folder, "moving.gif"), Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=", "base64"));
  writeFileSync(join(folder, "shopping list.txt"), "bread");
  writeFileSync(join(folder, "wide.png"), greyPng(new Uint8Array(8000 * 8000), 8000, 8000));
  writeFileSync(join(folder, "long.bmp"), "BM");
  truncateSync(join(folder, "long.bmp"), 33 << 20);

  const said = await server.label("create", "--images", folder, "--model", model, "--name", "Mixed");
  expect(said).toContain("of 10 pictures");
  const tab = await openLending(server, "Tab");
  await tab.lend();
  const native = NativeWorkers.lend(server, "Native", 1);
  await finished(server, 1);
  await agrees(tab);
  await native.stop();
  expect(await server.api.job(1)).toMatchObject({ pictures: 10, labelled: 5, unreadable: 5 });
  expect(await server.label("show", "1")).toContain("5 of 10 pictures labelled, 5 can't be read");

  const lines = await results(server, 1);
  expectRight(lines, "");
  const reasons = Object.fromEntries(lines.flatMap(({ picture, unreadable }) => (unreadable ? [[picture, unreadable]] : [])));
  expect(reasons).toEqual({
    "cut.jpg": expect.stringMatching(/^the JPEG file /),
    "moving.gif": "not a picture: expected PNG, JPEG, WebP or BMP",
    "shopping list.txt": "not a picture: expected PNG, JPEG, WebP or BMP",
    "wide.png": "the picture has 8000 x 8000 pixels, at most 50000000 are looked at",
    "long.bmp": `the file has ${33 << 20} bytes, at most ${32 << 20} are looked at`,
  });
  removeFolder(folder);
});

function study(dataset: string): string {
  return studyFile({ name: "Beside", dataset, trials: 1, fixed: SMALL });
}

function photosTo(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [photo] of expectedLabels()) copyFileSync(photoFile(photo), join(folder, photo));
}

async function finished(server: Server, job: number): Promise<void> {
  await expect.poll(async () => (await server.api.job(job)).state, { timeout: 90_000 }).toBe("finished");
}

/** Waits until the tab has heard of labels, and sees that none were found wrong. */
async function agrees(tab: LendingTab): Promise<void> {
  const verdicts = (): unknown[] => tab.heard.filter(({ type }) => type === "label_verdict").map((verdict) => verdict["verified"]);
  await expect.poll(verdicts).not.toEqual([]);
  expect(new Set(verdicts())).toEqual(new Set([true]));
}

/** Each photo has its five labels in order, by name. */
function expectRight(lines: readonly Line[], folder: string): void {
  for (const [photo, expected] of expectedLabels()) {
    const labels = lines.find(({ picture }) => picture === folder + photo)?.labels ?? [];
    expect(labels.map(({ name }) => name), photo).toEqual(expected.map(([label]) => label));
    for (const [rank, [label, score]] of expected.entries()) {
      const apart = Math.abs((labels[rank]?.score ?? 0) - score);
      expect(apart, `${photo}: ${label}`).toBeLessThanOrEqual(TOLERANCE);
    }
  }
}
