// The device's camera: whether there is one, and its picture.

import { onPaper, type Picture } from "./picture";

/** Whether a camera can be asked for. Asks for nothing: browsers say that there is one, not which. */
export async function hasCamera(): Promise<boolean> {
  try {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.some(({ kind }) => kind === "videoinput");
  } catch {
    // Not over a secure connection, or forbidden.
    return false;
  }
}

/** Asks for the camera, the one at the back where there are several. */
export async function openCamera(): Promise<MediaStream> {
  const video = { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } };
  return navigator.mediaDevices.getUserMedia({ video, audio: false }).catch((error: unknown) => {
    throw new Error(refusal(error instanceof DOMException ? error.name : ""));
  });
}

/** Lets go of the camera; its light goes out. */
export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** What the camera shows now. */
export function pictureOf(video: HTMLVideoElement): Picture {
  return onPaper(video, { width: video.videoWidth, height: video.videoHeight });
}

/** Why there is no camera, by the name of the browser's error. */
export function refusal(name: string): string {
  if (name === "NotAllowedError") return "This page may not use the camera. Its permission is in the browser's address bar.";
  if (name === "NotFoundError") return "There is no camera.";
  return "The camera can't be used now. Another program may have it.";
}
