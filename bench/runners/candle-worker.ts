// Stock candle in a Web Worker, built like the product.

import { CLASSES } from "./blobs.js";
import { within } from "./measurement.js";
import type { Request, Setting } from "./request.js";
import { fetched, serve, started } from "./worker.js";

interface StockSession {
  step(): number;
  classify(): number;
}

interface CandleModule {
  default(input: { module_or_path: unknown }): Promise<{ memory: WebAssembly.Memory }>;
  StockSession: new (
    setting: string,
    training: Uint8Array,
    validation: Uint8Array,
    classes: number,
  ) => StockSession;
}

const starting = started<CandleModule>("module", "bench");
const sessions = new Map<string, StockSession>();

serve(async (request: Request) => {
  if (request.do !== "measure") throw new Error(`stock candle is not asked to ${request.do}`);
  const { work, setting, seconds } = request;
  const session = await begun(setting);
  return within(seconds, () => (work === "step" ? session.step() : session.classify()));
});

async function begun(setting: Setting): Promise<StockSession> {
  const key = JSON.stringify(setting);
  const known = sessions.get(key);
  if (known !== undefined) return known;
  const { module } = await starting;
  const [training, validation] = await Promise.all([fetched("training"), fetched("validation")]);
  const session = new module.StockSession(key, training, validation, CLASSES);
  sessions.set(key, session);
  return session;
}
