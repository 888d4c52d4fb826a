// What this tab lends: starts and stops its lanes, registers the volunteer, and reloads the page when
// the server runs another build. Nothing is created or computed before `start`.

import { message } from "../api/problem";
import { compiledProgram } from "../page/program";
import { stayAwake } from "./awake";
import { total } from "./counts";
import type { Hold } from "./idle";
import { Lane, STOP_MILLIS, type LaneHost } from "./lane.svelte";
import { lenderOptions } from "./options";
import { FULL_PACE, type Pace } from "./pace";
import { delayHere, prepareReload } from "./reload";
import type { Counts } from "./status";
import { dropToken, tokenFor } from "./volunteer";

/** A server that forgets volunteers faster than this is not asked again. */
const REGISTER_PAUSE_MILLIS = 60_000;

export class Lending {
  isOn = $state(false);
  lanes: Lane[] = $state.raw([]);
  /** Why lending could not start or go on. */
  trouble: string | null = $state(null);
  /** Whether the page waits until it may reload itself. */
  isReloading = $state(false);
  token: string | undefined = $state.raw();
  /** Why nothing is computed although lending is on. */
  hold: Hold | null = $state(null);
  /** Lanes that have something to train. */
  readonly trainingCores: number = $derived.by(() => this.lanes.filter(({ status }) => status.activity === "training").length);
  /** Images that this page has trained on. */
  readonly images: number = $derived.by(() => this.lanes.reduce((sum, { images }) => sum + images, this.#earlierImages));
  readonly counts: Counts = $derived.by(() => total([this.#earlier, ...this.lanes.map((lane) => lane.counts)]));

  #earlier: Counts = $state.raw(total([]));
  #earlierImages = $state(0);
  #pace: Pace = FULL_PACE;
  #cores = 1;
  #nickname = "";
  #program: WebAssembly.Module | undefined;
  #registeredMillis = -Infinity;
  #reload: ReturnType<typeof setTimeout> | undefined;
  #wantsAwake = true;
  #sleep: () => void = () => undefined;
  // Counts starts and stops, so that what was begun before a stop does not go on after it.
  #turn = 0;

  async start(cores: number, nickname: string): Promise<void> {
    if (this.isOn) return;
    const turn = ++this.#turn;
    this.isOn = true;
    this.trouble = null;
    this.#cores = cores;
    this.#nickname = nickname;
    this.#lockAwake();
    try {
      const [program, token] = await Promise.all([this.#program ?? compiledProgram(), tokenFor(nickname)]);
      if (turn !== this.#turn) return;
      this.#program = program;
      this.token = token;
      this.#fill();
    } catch (error) {
      if (turn === this.#turn) this.#end(message(error));
    }
  }

  stop(): void {
    this.#end(null);
  }

  /** Lends more or fewer cores from now on. */
  resize(cores: number): void {
    this.#cores = cores;
    if (this.isOn && this.token !== undefined) this.#fill();
  }

  /** Works more or less hard from now on. */
  changePace(pace: Pace): void {
    this.#pace = pace;
    for (const lane of this.lanes) lane.changePace(pace);
  }

  /** Holds still as long as there is a reason: trials go back, and lanes begin again without it. */
  holdStill(why: Hold | null): void {
    if (why === this.hold) return;
    this.hold = why;
    if (this.isOn && this.token !== undefined) this.#fill();
  }

  /** Whether to ask the browser to let the tab go on while it is hidden. */
  keepAwake(wants: boolean): void {
    if (wants === this.#wantsAwake) return;
    this.#wantsAwake = wants;
    this.#sleep();
    if (this.isOn) this.#lockAwake();
  }

  #lockAwake(): void {
    this.#sleep = this.#wantsAwake ? stayAwake() : () => undefined;
  }

  #fill(): void {
    const cores = this.hold === null ? this.#cores : 0;
    this.#drop(this.lanes.slice(cores));
    const kept = this.lanes.slice(0, cores);
    const missing = Array.from({ length: cores - kept.length }, (_, i) => new Lane(kept.length + i + 1, this.#host()));
    this.lanes = [...kept, ...missing];
  }

  #drop(lanes: Lane[]): void {
    for (const lane of lanes) lane.stop();
    this.#earlier = total([this.#earlier, ...lanes.map((lane) => lane.counts)]);
    this.#earlierImages = lanes.reduce((sum, { images }) => sum + images, this.#earlierImages);
  }

  #end(trouble: string | null): void {
    this.#turn += 1;
    clearTimeout(this.#reload);
    this.#drop(this.lanes);
    this.lanes = [];
    this.isOn = false;
    this.isReloading = false;
    this.trouble = trouble;
    this.#sleep();
  }

  #host(): LaneHost {
    const program = this.#program;
    if (!program) throw new Error("lanes are made only after the program was compiled");
    return {
      spawn: () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
      program,
      options: () => lenderOptions(location, this.token ?? ""),
      pace: () => this.#pace,
      onReload: () => this.#reloadPage(),
      onRegister: () => void this.#register(),
    };
  }

  async #register(): Promise<void> {
    const now = Date.now();
    const unknown = this.token;
    // All lanes find out at the same time; the first one acts for all.
    if (unknown === undefined) return;
    if (now - this.#registeredMillis < REGISTER_PAUSE_MILLIS) {
      this.#end("The server forgets this volunteer again and again. Please try later.");
      return;
    }
    this.#registeredMillis = now;
    const turn = this.#turn;
    this.token = undefined;
    dropToken(unknown);
    try {
      const token = await tokenFor(this.#nickname);
      if (turn !== this.#turn) return;
      this.token = token;
      for (const lane of this.lanes) lane.restart();
      this.#fill();
    } catch (error) {
      if (turn === this.#turn) this.#end(message(error));
    }
  }

  #reloadPage(): void {
    if (this.isReloading) return;
    this.isReloading = true;
    this.#reload = setTimeout(() => {
      const cores = this.#cores;
      this.#end(null);
      prepareReload(cores, Date.now());
      setTimeout(() => location.reload(), STOP_MILLIS);
    }, delayHere(Date.now()));
  }
}
