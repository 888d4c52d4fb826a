// Has the classify page at hand when the server is away. Keeps the page and the files that it is made
// of, nothing that the server says: lists of models are never older than they look. Models are kept by
// the page itself.
//
// The build writes the names of the page's files into this script. So a new build is a new script, which
// browsers look for at each visit; it brings the new files and drops the old ones.

import { cacheName, isOld, route } from "./route";
import type { ServiceWorkerScope } from "./scope";

declare const self: ServiceWorkerScope;
/** Written by the build: addresses of all files of the page, the page itself not among them. */
declare const PAGE_FILES: readonly string[];

const FILES = PAGE_FILES;
const PAGE = "/classify";
const CACHE = cacheName(FILES);

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { method, url, mode } = event.request;
  switch (route(method, new URL(url), mode, self.location.origin, FILES)) {
    case "page":
      event.respondWith(page(event.request));
      break;
    case "file":
      event.respondWith(file(event.request));
      break;
    case "network":
      break;
  }
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  // The page past any cache: it must be the one that names these files.
  await cache.addAll([new Request(PAGE, { cache: "reload" }), ...FILES]);
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (isOld(name, CACHE)) await caches.delete(name);
  await self.clients.claim();
}

/** The server's page, which may be newer; the kept one where no good answer comes. */
async function page(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.status < 500) return response;
  } catch {
    // Away: the kept one is what this is for.
  }
  const kept = await caches.match(PAGE);
  return kept ?? Response.error();
}

/** Files never change under their name. */
async function file(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}
