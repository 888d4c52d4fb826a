// Which of an operator's actions a study allows where it stands.

export interface Actions {
  pause: boolean;
  resume: boolean;
  stop: boolean;
}

const ACTIONS: Readonly<Record<string, Actions>> = {
  running: { pause: true, resume: false, stop: true },
  paused: { pause: false, resume: true, stop: true },
  finished: { pause: false, resume: false, stop: false },
};

const NONE: Actions = { pause: false, resume: false, stop: false };

/** What can be done with a study in this state. */
export function actions(state: string): Actions {
  return ACTIONS[state] ?? NONE;
}
