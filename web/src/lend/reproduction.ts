// Which trial an address asks to be trained once more: `/?reproduce=STUDY/TRIAL`.

export interface TrialAddress {
  study: number;
  trial: number;
}

/** The trial that a page's query names, if it names one. */
export function reproduced(query: string): TrialAddress | undefined {
  const named = new URLSearchParams(query).get("reproduce");
  const [, study, trial] = /^(\d{1,9})\/(\d{1,9})$/.exec(named ?? "") ?? [];
  return study === undefined || trial === undefined ? undefined : { study: Number(study), trial: Number(trial) };
}
