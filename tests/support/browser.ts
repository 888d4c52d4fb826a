// Trainings in a browser, in a Web Worker of a page of the exchange. Which browser it is, and how it is
// driven, the caller knows.

import { basename } from "node:path";

import type { Exchange } from "./exchange";
import type { Ending, Leg, Platform } from "./platform";

/** A tab of a browser. */
export interface Tab {
  open(url: string): Promise<void>;
  /** Calls a function, given as text, in the page; argument and result are texts. */
  call(declaration: string, argument: string): Promise<string>;
  close(): Promise<void>;
}

interface Answer {
  ending?: Ending;
  failure?: string;
}

/** As text, because what compiles this file must not change what the page runs. */
const TRAIN = `async (leg) => {
  const worker = new Worker("/support/session-worker", { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(JSON.stringify(data));
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(JSON.parse(leg));
    });
  } finally {
    worker.terminate();
  }
}`;

export class BrowserWasm implements Platform {
  readonly #tab: Tab;

  private constructor(tab: Tab) {
    this.#tab = tab;
  }

  static async open(tab: Tab, exchange: Exchange): Promise<BrowserWasm> {
    await tab.open(exchange.url);
    return new BrowserWasm(tab);
  }

  async run(leg: Leg): Promise<Ending> {
    const { ending, failure } = JSON.parse(await this.#tab.call(TRAIN, JSON.stringify(exchanged(leg)))) as Answer;
    if (ending === undefined) throw new Error(failure);
    return ending;
  }

  async close(): Promise<void> {
    await this.#tab.close();
  }
}

/** A leg whose paths are those of the exchange. */
function exchanged(leg: Leg): Leg {
  const path = (file: string): string => `/files/${basename(file)}`;
  const { training, validation, checkpoint, result } = leg;
  const files = { training: path(training), validation: path(validation), result: path(result) };
  return { ...leg, ...files, ...(checkpoint !== undefined && { checkpoint: path(checkpoint) }) };
}
