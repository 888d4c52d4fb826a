// Who this browser is to the server: a nickname and a secret token, kept for this origin.

import * as api from "../api/client";
import { forget, keep, recall } from "./storage";

interface Registration {
  /** As it was typed; the server may call somebody without a name something else. */
  typed: string;
  token: string;
}

const NAME = "tabsweep.volunteer";

/** The token of a volunteer of this name; registers one if this browser has none. */
export async function tokenFor(nickname: string): Promise<string> {
  const kept = recall("local", NAME, isRegistration);
  if (kept?.typed === nickname) return kept.token;
  const { token } = await api.register(nickname);
  keep("local", NAME, { typed: nickname, token } satisfies Registration);
  return token;
}

/** Drops a token that the server does not know, unless another tab has replaced it already. */
export function dropToken(token: string): void {
  if (recall("local", NAME, isRegistration)?.token === token) forget("local", NAME);
}

function isRegistration(value: unknown): value is Registration {
  const { typed, token } = (value ?? {}) as Partial<Registration>;
  return typeof typed === "string" && typeof token === "string";
}
