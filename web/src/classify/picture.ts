// A picture that somebody chose, dropped or pasted, as pixels. It is read in the page and goes nowhere.

/** A picture and the canvas that shows it. */
export interface Picture {
  canvas: HTMLCanvasElement;
  width: number;
  height: number;
}

/** Longest side that is looked at: a digit of 28 pixels loses nothing, and a phone's photo is read at once. */
const LONGEST = 512;

/** Reads a picture file. */
export async function pictureFrom(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(() => {
    throw new Error("This file can't be read as a picture.");
  });
  const { width, height } = shrunk(bitmap, LONGEST);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const paper = surface(canvas);
  // What shows through a transparent picture is paper.
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, width, height);
  paper.imageSmoothingQuality = "high";
  paper.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { canvas, width, height };
}

/** The picture's pixels. */
export function pixelsOf({ canvas, width, height }: Picture): ImageData {
  return surface(canvas).getImageData(0, 0, width, height);
}

/** A canvas to draw on and read back often. */
export function surface(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const paper = canvas.getContext("2d", { willReadFrequently: true });
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
