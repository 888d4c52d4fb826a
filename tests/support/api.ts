// The server's HTTP API as tests ask it, with the types that its OpenAPI document gives the pages.

import type {
  JobView,
  LeaderboardRow,
  ModelView,
  StudyDetail,
  StudySummary,
  TrialDetail,
  TrialSummary,
} from "../../web/src/api/types";

export interface Health {
  status: string;
  build: string;
  protocol: number;
  notices: string[];
}

/** Somebody who registered, with the secret that proves it. */
export interface Registered {
  id: number;
  nickname: string;
  token: string;
}

export class Api {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  health(): Promise<Health> {
    return this.#get("/api/health");
  }

  studies(): Promise<StudySummary[]> {
    return this.#get("/api/studies");
  }

  study(id: number): Promise<StudyDetail> {
    return this.#get(`/api/studies/${id}`);
  }

  leaderboard(study: number): Promise<LeaderboardRow[]> {
    return this.#get(`/api/studies/${study}/leaderboard`);
  }

  async trials(study: number): Promise<TrialSummary[]> {
    const { trials } = await this.#get<{ trials: TrialSummary[] }>(`/api/studies/${study}/trials`);
    return trials;
  }

  trial(study: number, number: number): Promise<TrialDetail> {
    return this.#get(`/api/studies/${study}/trials/${number}`);
  }

  /** Where a trial stands; `unsuggested` while it does not exist. */
  async state(study: number, number: number): Promise<string> {
    const trials = await this.trials(study);
    return trials.find((trial) => trial.number === number)?.state ?? "unsuggested";
  }

  job(id: number): Promise<JobView> {
    return this.#get(`/api/jobs/${id}`);
  }

  models(): Promise<ModelView[]> {
    return this.#get("/api/models");
  }

  register(nickname: string): Promise<Registered> {
    return this.#send("POST", "/api/volunteers", JSON.stringify({ nickname }), {
      "content-type": "application/json",
    });
  }

  async createStudy(study: string, adminToken: string): Promise<number> {
    const headers = { authorization: `Bearer ${adminToken}` };
    const { id } = await this.#send<StudySummary>("POST", "/api/studies", study, headers);
    return id;
  }

  #get<T>(path: string): Promise<T> {
    return this.#send("GET", path, null, {});
  }

  async #send<T>(method: string, path: string, body: string | null, headers: Record<string, string>): Promise<T> {
    const response = await fetch(this.#url + path, { method, body, headers });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}
