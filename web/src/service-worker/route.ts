// Which requests of the page the service worker answers, and how its cache is called.

/** `page`: the server first, then what is kept; `file`: what is kept first; `network`: not its business. */
export type Route = "page" | "file" | "network";

const PREFIX = "tabsweep-page-";

/** Where a request is answered from. */
export function route(method: string, url: URL, mode: string, origin: string, files: readonly string[]): Route {
  if (method !== "GET" || url.origin !== origin) return "network";
  if (mode === "navigate") return "page";
  return files.includes(url.pathname) ? "file" : "network";
}

/** The cache of a page made of these files: other files, another cache. */
export function cacheName(files: readonly string[]): string {
  let hash = 0x811c9dc5;
  // FNV-1a; the names hold hashes of what is in the files.
  for (const char of files.join("\n")) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return PREFIX + hash.toString(16).padStart(8, "0");
}

/** Whether a cache is an earlier page's. */
export function isOld(name: string, current: string): boolean {
  return name.startsWith(PREFIX) && name !== current;
}
