// Where browsers get the wasm module and exchange files with the tests: a server on a loopback
// address with one folder behind it.

import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";

import ts from "typescript";

import { wasm } from "./session";

const TYPES: Readonly<Record<string, string>> = { ".js": "text/javascript", ".wasm": "application/wasm" };

export class Exchange {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Serves the files of a folder, and takes files into it. */
  static async open(folder: string): Promise<Exchange> {
    const server = createServer((request, response) => {
      answer(folder, request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return new Exchange(server);
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  const name = basename(path);
  if (path === "/") return void response.setHeader("content-type", "text/html").end("<!doctype html><title>Exchange</title>");
  if (path === `/support/${name}`) return void response.setHeader("content-type", "text/javascript").end(script(name));
  if (path === `/wasm/${name}`) return send(join(wasm, name), response);
  if (path !== `/files/${name}`) return void response.writeHead(404).end();
  if (request.method !== "PUT") return send(join(folder, name), response);
  await pipeline(request, createWriteStream(join(folder, name)));
  response.writeHead(204).end();
}

async function send(file: string, response: ServerResponse): Promise<void> {
  response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  await pipeline(createReadStream(file), response);
}

/** One of the files beside this one, for a browser. */
function script(name: string): string {
  const source = readFileSync(resolve(import.meta.dirname, `${name}.ts`), "utf8");
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}
