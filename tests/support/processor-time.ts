// How much of a processor the browser's pages take.

import type { Browser } from "@playwright/test";

interface ProcessInfo {
  type: string;
  cpuTime: number;
}

/** Processors that all pages together keep busy while `work` is awaited. */
export async function processorShare(browser: Browser, work: () => Promise<void>): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const busySecs = async (): Promise<number> => {
    const { processInfo } = (await session.send("SystemInfo.getProcessInfo")) as { processInfo: ProcessInfo[] };
    return processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const [busy, began] = [await busySecs(), performance.now()];
  await work();
  const share = ((await busySecs()) - busy) / ((performance.now() - began) / 1000);
  await session.detach();
  return share;
}
