// A picture that somebody chose, dropped or pasted, as pixels. It is read in this tab and goes nowhere.

/** A picture and the canvas that holds it. */
export interface Picture {
  canvas: OffscreenCanvas;
  width: number;
  height: number;
}

/** Longest side that is looked at: a page of digits can still be read, and a phone's photo is read at once. */
const LONGEST = 1024;

/** Reads a picture file. */
export async function pictureFrom(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Error("This file can't be read as a picture.");
  });
  const picture = onPaper(bitmap, bitmap);
  bitmap.close();
  return picture;
}

/** Anything that can be drawn, no larger than is looked at. */
export function onPaper(source: CanvasImageSource, size: Size): Picture {
  const { width, height } = shrunk(size, LONGEST);
  const canvas = new OffscreenCanvas(width, height);
  const paper = surface(canvas);
  // What shows through a transparent picture is paper.
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, width, height);
  paper.imageSmoothingQuality = "high";
  paper.drawImage(source, 0, 0, width, height);
  return { canvas, width, height };
}

/** The picture's pixels. */
export function pixelsOf({ canvas, width, height }: Picture): ImageData {
  return surface(canvas).getImageData(0, 0, width, height);
}

/** A canvas to draw on and read back often. */
export function surface(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D;
export function surface(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function surface(canvas: HTMLCanvasElement | OffscreenCanvas): CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D {
  const paper = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D | null;
  if (!paper) throw new Error("This browser can't draw on a canvas.");
  return paper;
}

interface Size {
  width: number;
  height: number;
}

/** A size of the same shape whose longer side is at most `longest`; never larger, never empty. */
export function shrunk({ width, height }: Size, longest: number): Size {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** The largest place of the same shape in the middle of a square. */
export function contained({ width, height }: Size, side: number): Size & { x: number; y: number } {
  const scale = side / Math.max(width, height);
  const size = { width: width * scale, height: height * scale };
  return { ...size, x: (side - size.width) / 2, y: (side - size.height) / 2 };
}
