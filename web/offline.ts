// Tells the service worker which files the classify page is made of: all that its HTML file names, and
// all that those name in turn. Names in built files hold hashes, so that finding one is meaning it.

import type { Plugin } from "vite";

const PAGE = "classify.html";
const SCRIPT = "service-worker.js";
const PLACE = "PAGE_FILES";

/** Where files lie whose names hold hashes. */
const HASHED = /^(assets|classify)\//;

type Contents = Readonly<Record<string, string>>;

export function offlinePage(): Plugin {
  return {
    name: "offline-page",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const contents: Record<string, string> = {};
      for (const [name, file] of Object.entries(bundle)) {
        const source = file.type === "chunk" ? file.code : file.source;
        contents[name] = typeof source === "string" ? source : "";
      }
      const script = bundle[SCRIPT];
      if (script?.type !== "chunk") throw new Error(`the build makes ${SCRIPT}`);
      const files = filesBehind(PAGE, contents).map((name) => `/${name}`);
      script.code = script.code.replaceAll(PLACE, JSON.stringify(files));
    },
  };
}

/** Names of the files that one names, and those name in turn, without itself. */
export function filesBehind(page: string, contents: Contents): string[] {
  const found = new Set([page]);
  for (const name of found) {
    const source = contents[name] ?? "";
    for (const other of Object.keys(contents)) {
      if (HASHED.test(other) && source.includes(basename(other))) found.add(other);
    }
  }
  found.delete(page);
  return [...found].sort();
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
