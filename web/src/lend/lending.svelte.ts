// What this tab lends: starts and stops its lanes, registers the volunteer, and reloads the page when
// the server runs another build. Nothing is created or computed before `start`.

import { message } from "../api/problem";
import { compiledProgram } from "../page/program";
import { stayAwake } from "./awake";
import { total } from "./counts";
import { Lane, STOP_MILLIS, type LaneHost } from "./lane.svelte";
import { lenderOptions } from "./options";
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
  readonly counts: Counts = $derived.by(() => total([this.#earlier, ...this.lanes.map((lane) => lane.counts)]));

  #earlier: Counts = $state.raw(total([]));
  #cores = 1;
  #nickname = "";
  #program: WebAssembly.Module | undefined;
  #registeredMillis = -Infinity;
  #reload: ReturnType<typeof setTimeout> | undefined;
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
    this.#sleep = stayAwake();
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

  #fill(): void {
    this.#drop(this.lanes.slice(this.#cores));
    const kept = this.lanes.slice(0, this.#cores);
    const missing = Array.from({ length: this.#cores - kept.length }, (_, i) => new Lane(kept.length + i + 1, this.#host()));
    this.lanes = [...kept, ...missing];
  }

  #drop(lanes: Lane[]): void {
    for (const lane of lanes) lane.stop();
    this.#earlier = total([this.#earlier, ...lanes.map((lane) => lane.counts)]);
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
