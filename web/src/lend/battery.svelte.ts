// Whether the computer runs on its battery, in browsers that tell.

/** The part of the Battery Status API that is used here (https://www.w3.org/TR/battery-status/). */
interface BatteryManager extends EventTarget {
  readonly charging: boolean;
}

/** A browser that may tell. */
export interface WithBattery {
  getBattery?: () => Promise<BatteryManager>;
}

export class Battery {
  /** Whether the browser tells. */
  isKnown = $state(false);
  /** Whether the computer takes its power from the battery. */
  isInUse = $state(false);

  constructor(browser: WithBattery) {
    // Some browsers have the function and refuse: they don't tell.
    browser.getBattery?.().then((battery) => this.#watch(battery), () => undefined);
  }

  #watch(battery: BatteryManager): void {
    const look = (): void => {
      this.isInUse = !battery.charging;
    };
    this.isKnown = true;
    look();
    battery.addEventListener("chargingchange", look);
  }
}
