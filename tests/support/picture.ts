// Pictures of digits as files, drawn by the page's own browser, and ways to bring them to the page.

import type { Page } from "@playwright/test";

import type { Point } from "./drawing";

/** A digit on a sheet of paper; lengths in pixels. */
export interface Written {
  stroke: readonly Point[];
  left: number;
  top: number;
  size: number;
}

/** A picture file's bytes in base64, as text can cross to the page. */
export type Encoded = string;

/** A stroke dark on light, not square, the digit small and off the middle. */
export async function picture(page: Page, stroke: readonly Point[]): Promise<Encoded> {
  return photo(page, [{ stroke, left: 190, top: 60, size: 180 }], ["#f4f1e8", "#f4f1e8"]);
}

/** Ink on paper that is lit from one corner: the light falls off from the first colour to the second. */
export async function photo(page: Page, digits: readonly Written[], light = ["#f2eee0", "#7d796c"]): Promise<Encoded> {
  return page.evaluate(
    ({ digits, light }) => {
      const canvas = document.createElement("canvas");
      canvas.width = 480;
      canvas.height = 360;
      const paper = canvas.getContext("2d") as CanvasRenderingContext2D;
      const shade = paper.createLinearGradient(0, 0, 480, 360);
      light.forEach((colour, i) => shade.addColorStop(i, colour));
      paper.fillStyle = shade;
      paper.fillRect(0, 0, 480, 360);
      paper.strokeStyle = "rgb(20 20 40 / 85%)";
      paper.lineCap = paper.lineJoin = "round";
      for (const { stroke, left, top, size } of digits) {
        paper.lineWidth = size / 14;
        paper.beginPath();
        for (const [x, y] of stroke) paper.lineTo(left + x * size, top + y * size);
        paper.stroke();
      }
      return canvas.toDataURL("image/png").split(",")[1] ?? "";
    },
    { digits, light },
  );
}

/** Files as somebody would give them to the page. */
async function transferOf(page: Page, files: readonly (readonly [name: string, content: Encoded])[]) {
  return page.evaluateHandle((files) => {
    const transfer = new DataTransfer();
    for (const [name, content] of files) {
      const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type: "image/png" }));
    }
    return transfer;
  }, files);
}

/** Drops files onto the page. */
export async function drop(page: Page, ...files: readonly (readonly [name: string, content: Encoded])[]): Promise<void> {
  const dataTransfer = await transferOf(page, files);
  const pad = page.getByLabel("Drawing pad");
  await pad.dispatchEvent("dragover", { dataTransfer });
  await pad.dispatchEvent("drop", { dataTransfer });
}

/** Pastes a file into the page. */
export async function paste(page: Page, name: string, content: Encoded): Promise<void> {
  const transfer = await transferOf(page, [[name, content]]);
  await transfer.evaluate((clipboardData) => window.dispatchEvent(new ClipboardEvent("paste", { clipboardData })));
}
