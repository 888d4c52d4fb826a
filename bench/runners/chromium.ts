// Whatever is measured in Chromium, in Web Workers of a page. Drives the browser, and passes requests
// on to the page.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { chromium, type Browser } from "@playwright/test";

import { answerAll, option } from "./conversation.js";
import type { Subject } from "./page.js";
import type { Request } from "./request.js";
import { serveFolders } from "./site.js";

/** As the tests of the whole system start it. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const subject = option("subject") as Subject;
const address = await serveFolders(
  new Map([
    ["runners", import.meta.dirname],
    ["product", option("product")],
    ["module", option("module")],
    ["data", option("data")],
    ["tfjs-core", packaged("@tensorflow/tfjs-core")],
    ["tfjs-wasm", packaged("@tensorflow/tfjs-backend-wasm")],
    ["ort", packaged("onnxruntime-web")],
  ]),
);
const browser = await chromium.launch({ executablePath: option("chromium"), args: ARGUMENTS });
const page = await browser.newPage();
page.setDefaultTimeout(0);
page.on("console", (message) => process.stderr.write(`${message.text()}\n`));
await page.goto(address);
await page.waitForFunction(() => typeof window.ask === "function");

function versionOf(name: string): string {
  const manifest = join(packaged(name), "..", "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** Folder of a package's scripts. */
function packaged(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(name));
}

async function answer(request: Request): Promise<unknown> {
  const isOfCore = request.do === "peak" || request.do === "kernels";
  const whom: Subject = isOfCore ? "bench" : subject;
  const told = await page.evaluate(([whom, request]) => window.ask(whom, request), [whom, request] as const);
  return request.do === "memory" ? { ...(told as object), ...(await rendererMemory(browser)) } : told;
}

/** Memory of the largest renderer, in MiB: resident, and the part that it shares with nobody. */
async function rendererMemory(browser: Browser): Promise<object> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => memoryOf(id));
  const [largest] = renderers.toSorted((one, other) => other.renderer_rss_mib - one.renderer_rss_mib);
  return largest ?? {};
}

function memoryOf(pid: number): { renderer_rss_mib: number; renderer_private_mib: number } {
  const text = readFileSync(join("/proc", String(pid), "smaps_rollup"), "utf8");
  const mib = (name: RegExp): number =>
    [...text.matchAll(name)].reduce((sum, [, kibibytes]) => sum + Number(kibibytes) / 1024, 0);
  return {
    renderer_rss_mib: mib(/^Rss:\s+(\d+) kB$/gm),
    renderer_private_mib: mib(/^Private_\w+:\s+(\d+) kB$/gm),
  };
}

const peers: Partial<Record<Subject, Record<string, string>>> = {
  tfjs: { "TensorFlow.js": versionOf("@tensorflow/tfjs-core") },
  ort: { "ONNX Runtime Web": versionOf("onnxruntime-web") },
};
const versions = { Chromium: browser.version(), ...peers[subject] };
await answerAll(versions, answer);
await browser.close();
