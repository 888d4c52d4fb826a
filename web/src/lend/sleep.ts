// Notices that everything stood still: the computer slept, or the browser froze the tab.

const LOOK_MILLIS = 1_000;

/** Longer than a worker is ever kept from looking while it works. */
const ASLEEP_MILLIS = 10_000;

/** Calls `onWake` after each standstill, with its length. */
export function watchSleep(onWake: (millis: number) => void, now: () => number = Date.now): void {
  let last = now();
  setInterval(() => {
    const passed = now() - last;
    last += passed;
    if (passed >= ASLEEP_MILLIS) onWake(passed);
  }, LOOK_MILLIS);
}
