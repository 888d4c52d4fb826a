// The service worker that has this page at hand when the server is away.

/** Installs it; whether the page then works without the server. Browsers have none where the connection is not secure. */
export async function worksOffline(): Promise<boolean> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return false;
  try {
    await navigator.serviceWorker.register("/service-worker.js", { scope: "/classify" });
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    // Forbidden, or no room: the page works as long as the server does.
    return false;
  }
}
