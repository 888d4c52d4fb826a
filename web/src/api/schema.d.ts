export interface components {
  schemas: {
    Value: boolean | number | string;
    Parameters: { [name: string]: components["schemas"]["Value"] };
    Health: { status: string; version: string; protocol: number; build: string; notices: string[] };
    StudyState: "running" | "finished";
    TrialCounts: {
      waiting: number; running: number; checking: number; verified: number;
      diverged: number; failed: number; unsuggested: number;
    };
    Best: { trial: number; validation_score: number; test_score: number };
    StudySummary: {
      id: number; name: string; dataset: string; state: components["schemas"]["StudyState"]; trials: number;
      counts: components["schemas"]["TrialCounts"]; best: components["schemas"]["Best"] | null; created_millis: number;
    };
    VolunteerName: { id: number; nickname: string };
    WorkerActivity: "training" | "idle" | "away";
    WorkerView: {
      worker: string; volunteer: components["schemas"]["VolunteerName"]; activity: components["schemas"]["WorkerActivity"];
      trial: number | null; attempt: number | null; step: number | null; steps: number | null; loss: number | null;
      images_per_sec: number | null; connected_millis: number;
    };
    StudyDetail: components["schemas"]["StudySummary"] & {
      objective: string; sampler: string; seed: string; space: { [name: string]: unknown }; enqueued: components["schemas"]["Parameters"][];
      classes: number; workers: components["schemas"]["WorkerView"][];
    };
    LeaderboardRow: {
      rank: number; trial: number; parameters: components["schemas"]["Parameters"]; seed: string;
      validation_score: number; test_score: number; weights_sha256: string;
      volunteer: components["schemas"]["VolunteerName"]; attempts: number; verified_millis: number;
    };
    TrialState: "waiting" | "running" | "checking" | "verified" | "diverged" | "failed";
    TrialSummary: {
      number: number; state: components["schemas"]["TrialState"]; parameters: components["schemas"]["Parameters"]; seed: string;
      attempts: number; validation_score: number | null; test_score: number | null; reason: string | null; checkpoint_step: number | null;
    };
    TrialPage: { total: number; trials: components["schemas"]["TrialSummary"][] };
    EpochView: { epoch: number; step: number; validation_score: number; mean_loss: number; state_sha256: string; attempt: number };
    LeaseView: { attempt: number; volunteer: components["schemas"]["VolunteerName"]; granted_millis: number; ended_millis: number | null; ended: string | null };
    TrialDetail: components["schemas"]["TrialSummary"] & {
      weights_sha256: string | null; epochs: components["schemas"]["EpochView"][]; leases: components["schemas"]["LeaseView"][];
    };
    NewVolunteer: { nickname: string };
    RegisteredVolunteer: { id: number; nickname: string; token: string };
    VolunteerView: { id: number; nickname: string; verified: number; rejected: number; running: number };
    ModelView: {
      study: number; study_name: string; dataset: string; trial: number; parameters: components["schemas"]["Parameters"];
      classes: number; height: number; width: number; weights_sha256: string; validation_score: number; test_score: number;
    };
    Problem: { type: string; title: string; status: number; detail: string; line?: number; column?: number };
  };
}
type S = components["schemas"];
type Answer<T> = { responses: { 200: { content: { "application/json": T } }; default: { content: { "application/problem+json": S["Problem"] } } } };
type Id = { path: { id: number } };
export interface paths {
  "/api/health": { get: Answer<S["Health"]> };
  "/api/studies": { get: Answer<S["StudySummary"][]> };
  "/api/studies/{id}": { get: { parameters: Id } & Answer<S["StudyDetail"]> };
  "/api/studies/{id}/leaderboard": { get: { parameters: Id & { query?: { limit?: number } } } & Answer<S["LeaderboardRow"][]> };
  "/api/studies/{id}/trials": {
    get: { parameters: Id & { query?: { state?: S["TrialState"]; offset?: number; limit?: number } } } & Answer<S["TrialPage"]>;
  };
  "/api/studies/{id}/trials/{number}": {
    get: { parameters: { path: { id: number; number: number } } } & Answer<S["TrialDetail"]>;
  };
  "/api/volunteers": {
    post: { requestBody: { content: { "application/json": S["NewVolunteer"] } } } & {
      responses: { 201: { content: { "application/json": S["RegisteredVolunteer"] } } };
    };
  };
  "/api/volunteers/me": { get: Answer<S["VolunteerView"]> };
  "/api/models": { get: { parameters: { query?: { limit?: number } } } & Answer<S["ModelView"][]> };
}
