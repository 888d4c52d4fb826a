// Photos get their labels in the page, from a pretrained model that an operator added, and nothing
// leaves the page meanwhile.

import { readFileSync } from "node:fs";

import { addMobileNet, expectedLabels, hasPhotos, NO_PHOTOS, photoFile, TOLERANCE } from "./support/imagenet";
import { SMALL, studyFile } from "./support/study";
import { expect, test } from "./support/system";

const isThere = hasPhotos();

test("five photos get the five labels that they should get, and no request leaves the page", async ({
  serve,
  openPage,
  digits,
}) => {
  test.skip(!isThere, NO_PHOTOS);
  const server = await serve({ study: studyFile({ name: "Digits", dataset: digits, trials: 1, fixed: SMALL }) });
  await addMobileNet(server);

  const { page } = await openPage(server);
  await page.goto("/classify");
  const labels = page.getByRole("table", { name: "Likeliest labels" }).locator("tbody").getByRole("row");
  const choose = async (photo: string) => page.getByLabel("Choose a photo").setInputFiles(photoFile(photo));
  const requests: string[] = [];
  let isLoaded = false;
  page.on("request", (request) => isLoaded && !request.url().startsWith("blob:") && requests.push(request.url()));
  for (const [photo, expected] of expectedLabels()) {
    await choose(photo);
    const best = shortName(expected[0]?.[0] ?? "");
    await expect(page.getByRole("status").filter({ hasText: `Looks like ${best}` })).toBeVisible();
    isLoaded = true;
    await expect(labels).toHaveCount(5);
    for (const [index, [label, score]] of expected.entries()) {
      const row = labels.nth(index);
      await expect(row.getByRole("rowheader")).toHaveText(shortName(label));
      const shown = Number.parseFloat(await row.getByRole("cell").innerText());
      expect(Math.abs(shown / 100 - score), `${photo}: ${label}`).toBeLessThanOrEqual(TOLERANCE);
    }
  }
  expect(requests).toEqual([]);

  await page.getByLabel("Choose a photo").setInputFiles({
    name: "cut.jpg",
    mimeType: "image/jpeg",
    buffer: readFileSync(photoFile("cat.jpg")).subarray(0, 20_000),
  });
  await expect(page.getByRole("alert").filter({ hasText: "JPEG" })).toBeVisible();
});

function shortName(label: string): string {
  return label.split(",", 1)[0] ?? label;
}
