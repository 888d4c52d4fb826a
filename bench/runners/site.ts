// The server that Chromium's page comes from: files of named folders, and one empty page.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const PAGE =
  '<!doctype html><title>bench</title><link rel="icon" href="data:,">' +
  '<script type="module" src="/runners/page.js"></script>';

/** Serves each folder under its name; the address of the page. */
export async function serveFolders(folders: ReadonlyMap<string, string>): Promise<string> {
  const server = createServer(({ url = "/" }, response) => {
    const [, name = "", ...rest] = normalize(url).split("/");
    const folder = folders.get(name);
    if (url === "/") send(response, 200, "text/html", PAGE);
    else if (folder === undefined) send(response, 404, "text/plain", "");
    else void sendFile(response, join(folder, ...rest));
  });
  server.unref();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function sendFile(response: ServerResponse, path: string): Promise<void> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return send(response, 404, "text/plain", "");
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, { "Content-Type": type, "Content-Length": file.size });
  createReadStream(path).pipe(response);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "Content-Type": type });
  response.end(body);
}
