import { expect, it } from "vitest";

import { cacheName, isOld, route } from "./route";

const FILES = ["/assets/classify-a1.js", "/assets/program-b2.wasm"];
const routed = (method: string, path: string, mode = "cors"): string =>
  route(method, new URL(path, "https://digits.example"), mode, "https://digits.example", FILES);

it("answers for the page and its files only", () => {
  expect(routed("GET", "/classify?model=a", "navigate")).toBe("page");
  expect(routed("GET", "/assets/classify-a1.js")).toBe("file");
  expect(routed("GET", "/assets/of-another-build.js")).toBe("network");
  expect(routed("GET", "https://elsewhere.example/assets/classify-a1.js")).toBe("network");
});

it("never answers for the server's word", () => {
  for (const path of ["/api/models?limit=100", "/api/health", "/api/blobs/ab"]) expect(routed("GET", path)).toBe("network");
  expect(routed("POST", "/assets/classify-a1.js")).toBe("network");
});

it("keeps other files in another cache, and knows its own old ones", () => {
  const [before, after] = [cacheName(FILES), cacheName(["/assets/classify-a2.js", "/assets/program-b2.wasm"])];
  expect(before).not.toBe(after);
  expect([isOld(before, after), isOld(after, after), isOld("tabsweep-models", after)]).toEqual([true, false, false]);
});
