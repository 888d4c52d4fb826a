// Every request that the pages make of the server, with the types of its OpenAPI document. The one
// place that turns failures into errors; who calls decides what to do about them.

import createClient from "openapi-fetch";

import { noAnswer, requestError } from "./problem";
import type { components, paths } from "./schema";
import type { Parameters } from "./types";

const client = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "" });

type Answer<T> = { data?: T; error?: unknown; response: Response };

async function result<T>(request: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await request.catch(() => {
    throw noAnswer();
  });
  if (data === undefined) throw requestError(response.status, error);
  return data;
}

export const health = () => result(client.GET("/api/health"));

export const studies = () => result(client.GET("/api/studies"));

export const study = (id: number) => result(client.GET("/api/studies/{id}", { params: { path: { id } } }));

export const leaderboard = (id: number, limit: number) =>
  result(client.GET("/api/studies/{id}/leaderboard", { params: { path: { id }, query: { limit } } }));

export const importance = (id: number) =>
  result(client.GET("/api/studies/{id}/importance", { params: { path: { id } } }));

export const plotTrials = (id: number) =>
  result(client.GET("/api/studies/{id}/plots/trials", { params: { path: { id } } }));

export const plotCurves = (id: number) =>
  result(client.GET("/api/studies/{id}/plots/curves", { params: { path: { id } } }));

export const plotWork = (id: number) =>
  result(client.GET("/api/studies/{id}/plots/work", { params: { path: { id } } }));

type TrialsQuery = NonNullable<paths["/api/studies/{id}/trials"]["get"]["parameters"]["query"]>;

export const trials = (id: number, query: TrialsQuery) =>
  result(client.GET("/api/studies/{id}/trials", { params: { path: { id }, query } }));

export const trial = (id: number, number: number) =>
  result(client.GET("/api/studies/{id}/trials/{number}", { params: { path: { id, number } } }));

export const models = (limit: number) => result(client.GET("/api/models", { params: { query: { limit } } }));

export const model = (sha256: string) => result(client.GET("/api/models/{sha256}", { params: { path: { sha256 } } }));

export const board = (limit: number) => result(client.GET("/api/volunteers", { params: { query: { limit } } }));

export const bundles = () => result(client.GET("/api/bundles"));

export const register = (nickname: string) => result(client.POST("/api/volunteers", { body: { nickname } }));

export const reproduction = (id: number, number: number) =>
  result(client.GET("/api/studies/{id}/trials/{number}/reproduction", { params: { path: { id, number } } }));

export const volunteer = (token: string) =>
  result(client.GET("/api/volunteers/me", { headers: { authorization: `Bearer ${token}` } }));

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What an operator changes of a study; what is left out stays. */
export type StudyChange = components["schemas"]["StudyChange"];

export const changeStudy = (id: number, change: StudyChange, token: string) =>
  result(client.PATCH("/api/studies/{id}", { params: { path: { id } }, body: change, headers: bearer(token) }));

/** Creates a study from a study file. */
export const createStudy = (file: string, token: string) =>
  result(
    client.POST("/api/studies", {
      body: file,
      bodySerializer: (text) => text,
      headers: { ...bearer(token), "content-type": "application/toml" },
    }),
  );

/** Queues a setting; what it leaves out is the sampler's choice. */
export const enqueue = (id: number, parameters: Parameters, token: string) =>
  result(client.POST("/api/studies/{id}/trials", { params: { path: { id } }, body: { parameters }, headers: bearer(token) }));

/** Has a trial trained once more from its beginning. */
export const requeue = (id: number, number: number, token: string) =>
  result(
    client.POST("/api/studies/{id}/trials/{number}/requeue", { params: { path: { id, number } }, headers: bearer(token) }),
  );

export const jobs = () => result(client.GET("/api/jobs"));

export const job = (id: number) => result(client.GET("/api/jobs/{id}", { params: { path: { id } } }));

type NewJob = components["schemas"]["NewJobBody"];

/** Whose model labels; none for the best verified trial's. */
export type JobModel = NonNullable<NewJob["model"]> | null;

export const createJob = (body: NewJob, token: string) => result(client.POST("/api/jobs", { body, headers: bearer(token) }));

/** What an operator can put a job into. */
export type JobState = "running" | "paused" | "stopped";

export const changeJob = (id: number, change: { state: JobState }, token: string) =>
  result(client.PATCH("/api/jobs/{id}", { params: { path: { id } }, body: change, headers: bearer(token) }));

export const missingPictures = (sha256: string[], token: string) =>
  result(client.POST("/api/pictures/missing", { body: { sha256 }, headers: bearer(token) }));

/** Sends a pack of pictures. */
export const uploadPictures = (pack: Uint8Array<ArrayBuffer>, token: string) =>
  result(
    client.POST("/api/pictures", {
      body: [],
      bodySerializer: () => pack,
      headers: { ...bearer(token), "content-type": "application/octet-stream" },
    }),
  );

export const jobClasses = (id: number, token: string) =>
  result(client.GET("/api/jobs/{id}/classes", { params: { path: { id } }, headers: bearer(token) }));

type LabelsQuery = NonNullable<paths["/api/jobs/{id}/labels"]["get"]["parameters"]["query"]>;

export const jobLabels = (id: number, query: LabelsQuery, token: string) =>
  result(client.GET("/api/jobs/{id}/labels", { params: { path: { id }, query }, headers: bearer(token) }));

/** A picture of a job, encoded as it was uploaded. */
export const jobPicture = (id: number, sha256: string, token: string): Promise<Blob> =>
  file(`/api/jobs/${id}/pictures/${sha256}`, token);

/** All labels of a job as a file. */
export const jobResults = (id: number, format: "csv" | "jsonl", token: string): Promise<Blob> =>
  file(`/api/jobs/${id}/results?format=${format}`, token);

async function file(address: string, token: string): Promise<Blob> {
  const response = await fetch(address, { headers: bearer(token) }).catch(() => {
    throw noAnswer();
  });
  if (!response.ok) throw requestError(response.status, await response.json().catch(() => undefined));
  return response.blob();
}

/** Address of the stream that says when something in a study has changed. */
export const eventsUrl = (id: number): string => `/api/studies/${id}/events`;

/** The bytes of a content-addressed file. */
export async function blob(sha256: string): Promise<Uint8Array> {
  const response = await fetch(`/api/blobs/${sha256}`).catch(() => {
    throw noAnswer();
  });
  if (!response.ok) throw requestError(response.status, await response.json().catch(() => undefined));
  return new Uint8Array(await response.arrayBuffer());
}
