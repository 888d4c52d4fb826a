// Photos get their labels in the page, from a pretrained model that an operator added, and nothing
// leaves the page meanwhile.

import { copyFileSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { environment } from "./support/environment";
import { removeFolder, temporaryFolder } from "./support/folder";
import { SMALL, studyFile } from "./support/study";
import { expect, test } from "./support/system";

const { imagenet } = environment();
const DESCRIPTION = resolve(import.meta.dirname, "../server/bundles/mobilenet_v1_0.75_192/model.toml");
/** How far a score may be off, in percent. */
const TOLERANCE = 3;

test.beforeAll(() => {
  if (imagenet === undefined) console.warn("SKIPPED: TABSWEEP_IMAGENET_DIR is not set, so no photos are classified");
});

test("five photos get the five labels that they should get, and no request leaves the page", async ({
  serve,
  openPage,
  digits,
}) => {
  test.skip(imagenet === undefined, "TABSWEEP_IMAGENET_DIR is not set");
  const server = await serve({ study: studyFile({ name: "Digits", dataset: digits, trials: 1, fixed: SMALL }) });
  const bundle = bundleFolder(imagenet ?? "");
  await server.addBundle(bundle);
  removeFolder(bundle);

  const { page } = await openPage(server);
  await page.goto("/classify");
  const labels = page.getByRole("table", { name: "Likeliest labels" }).locator("tbody").getByRole("row");
  const choose = async (photo: string) => page.getByLabel("Choose a photo").setInputFiles(join(imagenet ?? "", "photos", photo));
  const requests: string[] = [];
  let isLoaded = false;
  page.on("request", (request) => isLoaded && !request.url().startsWith("blob:") && requests.push(request.url()));
  for (const [photo, expected] of Object.entries(expectedLabels(imagenet ?? ""))) {
    await choose(photo);
    const best = shortName(expected[0]?.[0] ?? "");
    await expect(page.getByRole("status").filter({ hasText: `Looks like ${best}` })).toBeVisible();
    isLoaded = true;
    await expect(labels).toHaveCount(5);
    for (const [index, [label, score]] of expected.entries()) {
      const row = labels.nth(index);
      await expect(row.getByRole("rowheader")).toHaveText(shortName(label));
      const shown = Number.parseFloat(await row.getByRole("cell").innerText());
      expect(Math.abs(shown - score * 100), `${photo}: ${label}`).toBeLessThanOrEqual(TOLERANCE);
    }
  }
  expect(requests).toEqual([]);

  await page.getByLabel("Choose a photo").setInputFiles({
    name: "cut.jpg",
    mimeType: "image/jpeg",
    buffer: readFileSync(join(imagenet ?? "", "photos", "cat.jpg")).subarray(0, 20_000),
  });
  await expect(page.getByRole("alert").filter({ hasText: "JPEG" })).toBeVisible();
});

/** A bundle as an operator puts it together. */
function bundleFolder(imagenet: string): string {
  const folder = temporaryFolder();
  copyFileSync(DESCRIPTION, join(folder, "model.toml"));
  copyFileSync(join(imagenet, "labels.txt"), join(folder, "labels.txt"));
  copyFileSync(join(imagenet, "mobilenet_v1_0.75_192.safetensors"), join(folder, "weights.safetensors"));
  return folder;
}

function expectedLabels(imagenet: string): Record<string, [string, number][]> {
  return JSON.parse(readFileSync(join(imagenet, "expected_top5.json"), "utf8")) as Record<string, [string, number][]>;
}

function shortName(label: string): string {
  return label.split(",", 1)[0] ?? label;
}
