import { expect, it } from "vitest";

import { filesBehind } from "./offline";

it("follows names from file to file, and takes nothing of other pages", () => {
  const contents = {
    "classify.html": '<script src="/assets/classify-a1.js"></script><link href="/assets/classify-b2.css">',
    "index.html": '<script src="/assets/lend-c3.js"></script>',
    "assets/classify-a1.js": 'import"./shared-d4.js";new Worker("/classify/worker-e5.js")',
    "assets/classify-b2.css": "",
    "assets/lend-c3.js": 'import"./shared-d4.js"',
    "assets/shared-d4.js": "const back='./classify-a1.js'",
    "classify/worker-e5.js": 'new URL("program-f6.wasm", import.meta.url)',
    "assets/program-f6.wasm": "",
  };
  expect(filesBehind("classify.html", contents)).toEqual([
    "assets/classify-a1.js",
    "assets/classify-b2.css",
    "assets/program-f6.wasm",
    "assets/shared-d4.js",
    "classify/worker-e5.js",
  ]);
});
