import { expect, it, vi } from "vitest";

import { Battery } from "./battery.svelte";

class FakeBattery extends EventTarget {
  charging = true;

  becomes(charging: boolean): void {
    this.charging = charging;
    this.dispatchEvent(new Event("chargingchange"));
  }
}

async function watched(getBattery?: () => Promise<FakeBattery>) {
  const battery = new Battery(getBattery ? { getBattery } : {});
  await Promise.resolve();
  await Promise.resolve();
  return battery;
}

it("follows the plug", async () => {
  const plug = new FakeBattery();
  const battery = await watched(() => Promise.resolve(plug));
  expect(battery).toMatchObject({ isKnown: true, isInUse: false });
  plug.becomes(false);
  expect(battery.isInUse).toBe(true);
  plug.becomes(true);
  expect(battery.isInUse).toBe(false);
});

it("knows nothing in a browser that does not tell, or refuses", async () => {
  expect(await watched()).toMatchObject({ isKnown: false, isInUse: false });
  const refuses = vi.fn(() => Promise.reject(new Error("not allowed")));
  expect(await watched(refuses)).toMatchObject({ isKnown: false, isInUse: false });
  expect(refuses).toHaveBeenCalledOnce();
});
