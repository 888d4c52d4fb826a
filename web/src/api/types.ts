// Short names for what the server answers with; the shapes themselves come from its OpenAPI
// document (schema.d.ts).

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Best = Schemas["Best"];
export type LeaderboardRow = Schemas["LeaderboardRow"];
export type ModelView = Schemas["ModelView"];
export type Parameters = Schemas["Parameters"];
export type StudyDetail = Schemas["StudyDetail"];
export type StudySummary = Schemas["StudySummary"];
export type TrialCounts = Schemas["TrialCounts"];
export type TrialDetail = Schemas["TrialDetail"];
export type TrialState = Schemas["TrialState"];
export type TrialSummary = Schemas["TrialSummary"];
export type Value = Schemas["Value"];
export type VolunteerName = Schemas["VolunteerName"];
export type WorkerView = Schemas["WorkerView"];
