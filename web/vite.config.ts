// How the four pages become files, and a service worker that has one of them at hand offline. They run
// under a policy that forbids inline scripts and styles and data: URLs for code; the options below keep
// Vite from making any.

import { resolve } from "node:path";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

import { offlinePage } from "./offline.ts";

/** Found by browsers at each visit, so always under the same name. */
const SERVICE_WORKER = "service-worker";

/** Lies below the classify page: browsers ask a service worker for a Web Worker's script by its address. */
const PICTURE_WORKER = "picture-worker";

const HASHED = "[name]-[hash].js";

const page = (name: string): string => resolve(import.meta.dirname, name);

export default defineConfig({
  plugins: [svelte(), offlinePage()],
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: {
        index: page("index.html"),
        studies: page("studies.html"),
        jobs: page("jobs.html"),
        classify: page("classify.html"),
        [SERVICE_WORKER]: page("src/service-worker/service-worker.ts"),
      },
      output: {
        entryFileNames: ({ name }) => (name === SERVICE_WORKER ? "[name].js" : `assets/${HASHED}`),
        codeSplitting: { groups: [{ name: "shared", minShareCount: 2 }] },
      },
    },
  },
  worker: {
    format: "es",
    rolldownOptions: {
      output: { entryFileNames: ({ name }) => `${name === PICTURE_WORKER ? "classify" : "assets"}/${HASHED}` },
    },
  },
  // The palette of plots is read as text.
  test: { include: ["*.test.ts", "src/**/*.test.ts"], environment: "node", css: true },
});
