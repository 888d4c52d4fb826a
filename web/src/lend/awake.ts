// Keeps a hidden tab at work: Chrome freezes hidden tabs that use much processor time in its energy
// saver, but not those that hold a Web Lock. Browsers offer the lock on https and localhost only.

/** Holds the lock until the returned function is called. */
export function stayAwake(): () => void {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const locks = navigator.locks as LockManager | undefined;
  locks?.request("tabsweep.lending", { mode: "shared" }, () => held).catch(() => undefined);
  return () => release();
}
