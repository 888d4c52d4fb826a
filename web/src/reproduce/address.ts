// Which trial the address asks to have reproduced.

export interface TrialAddress {
  study: number;
  trial: number;
}

/** The trial in `?reproduce=STUDY/TRIAL`; nothing where none is named. */
export function trialIn(search: string): TrialAddress | undefined {
  const [, study, trial] = /^(\d{1,9})\/(\d{1,9})$/.exec(new URLSearchParams(search).get("reproduce") ?? "") ?? [];
  return study !== undefined && trial !== undefined ? { study: Number(study), trial: Number(trial) } : undefined;
}
