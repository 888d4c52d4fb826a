// The drawing pad's surface: dark ink on white paper, whatever the page's colours, because the model is
// shown exactly what is on it.

import type { KeyboardPen } from "./keyboard-pen";
import { contained, type Picture } from "./picture";
import { line, type Stroke } from "./stroke";

/** Width and height, in pixels and in pad units. */
export const SIDE = 280;

const INK = "#111";

/** About as wide for a digit that fills the pad as the strokes of the training images are. */
const INK_WIDTH = 20;

export function clear(paper: CanvasRenderingContext2D): void {
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, SIDE, SIDE);
}

export function drawStroke(paper: CanvasRenderingContext2D, stroke: Stroke): void {
  const way = line(stroke);
  if (!way) return;
  // A line without length gets no round ends: a dot is drawn as what it is.
  paper.fillStyle = INK;
  paper.beginPath();
  paper.arc(way.start.x, way.start.y, INK_WIDTH / 2, 0, 2 * Math.PI);
  paper.fill();
  paper.strokeStyle = INK;
  paper.lineWidth = INK_WIDTH;
  paper.lineCap = "round";
  paper.lineJoin = "round";
  paper.beginPath();
  paper.moveTo(way.start.x, way.start.y);
  for (const { control, end } of way.curves) paper.quadraticCurveTo(control.x, control.y, end.x, end.y);
  paper.stroke();
}

/** Where the keyboard's pen is: a ring, filled while it is down. */
export function drawPen(paper: CanvasRenderingContext2D, { x, y, isDown }: KeyboardPen): void {
  paper.beginPath();
  paper.arc(x, y, INK_WIDTH / 2, 0, 2 * Math.PI);
  paper.strokeStyle = "#3b662a";
  paper.lineWidth = 3;
  paper.stroke();
  paper.fillStyle = "#a3cf85";
  if (isDown) paper.fill();
}

export function drawPicture(paper: CanvasRenderingContext2D, picture: Picture): void {
  const { x, y, width, height } = contained(picture, SIDE);
  paper.drawImage(picture.canvas, x, y, width, height);
}

/** What is on the paper. */
export function pixels(paper: CanvasRenderingContext2D): ImageData {
  return paper.getImageData(0, 0, SIDE, SIDE);
}
