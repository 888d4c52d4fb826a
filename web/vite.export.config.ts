// How the page that holds a model becomes one file: script, style and wasm module stand in it, and the
// server puts a model into its place. It is opened from the disk, so it may fetch nothing, and its
// policy names the one script and the one style by their hashes.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const file = (name: string): string => resolve(import.meta.dirname, name);

export default defineConfig({
  plugins: [svelte(), onePage()],
  build: {
    outDir: "dist/export",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: file("src/export/main.ts") },
  },
});

type Bundle = Parameters<Extract<NonNullable<Plugin["generateBundle"]>, (...all: never[]) => unknown>>[1];

/** Puts everything that was built into `model.html`, and writes nothing else. */
function onePage(): Plugin {
  return {
    name: "one-page",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = filled(readFileSync(file("model.html"), "utf8"), parts(bundle));
      for (const name of Object.keys(bundle)) delete bundle[name];
      // Not named as HTML: without a model it is no page to show.
      this.emitFile({ type: "asset", fileName: "model.html.template", source: page });
    },
  };
}

interface Parts {
  script: string;
  style: string;
  /** The wasm module. */
  program: Uint8Array;
}

function parts(bundle: Bundle): Parts {
  const built = Object.values(bundle);
  const scripts = built.flatMap((output) => (output.type === "chunk" ? [output.code] : []));
  const styles = built.flatMap((output) => (output.type === "asset" && output.fileName.endsWith(".css") ? [output.source] : []));
  return {
    script: only("script", scripts).replaceAll("</script", "<\\/script"),
    style: only("style", styles).toString(),
    // The script takes it from the page, so Vite does not hear of it.
    program: readFileSync(file("src/wasm/worker_wasm_bg.wasm")),
  };
}

function only<T>(what: string, found: readonly T[]): T {
  const [first, ...rest] = found;
  if (first === undefined || rest.length > 0) throw new Error(`expected one ${what}, found ${found.length}`);
  return first;
}

function filled(template: string, { script, style, program }: Parts): string {
  const packed = gzipSync(program, { level: 9 }).toString("base64");
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)} 'wasm-unsafe-eval'`,
    `style-src ${hash(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return template
    .replace("<!--policy-->", () => policy.join("; "))
    .replace("<!--style-->", () => `<style>${style}</style>`)
    .replace("<!--program-->", () => `<script id="program" type="application/octet-stream">${packed}</script>`)
    .replace("<!--script-->", () => `<script type="module">${script}</script>`);
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
