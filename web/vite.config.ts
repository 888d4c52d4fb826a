// How the three pages become files. They run under a policy that forbids inline scripts and styles
// and data: URLs for code; the options below keep Vite from making any.

import { resolve } from "node:path";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const page = (name: string): string => resolve(import.meta.dirname, name);

export default defineConfig({
  plugins: [svelte()],
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: [page("index.html"), page("studies.html"), page("classify.html")],
      output: { codeSplitting: { groups: [{ name: "shared", minShareCount: 2 }] } },
    },
  },
  worker: { format: "es" },
  // The palette of plots is read as text.
  test: { include: ["src/**/*.test.ts"], environment: "node", css: true },
});
