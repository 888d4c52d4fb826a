// Short names for what the server answers with; the shapes themselves come from its OpenAPI
// document (schema.d.ts).

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Best = Schemas["Best"];
export type BoardRow = Schemas["BoardRow"];
export type BundleView = Schemas["BundleView"];
export type Contribution = Schemas["Contribution"];
export type CurveList = Schemas["CurveList"];
export type ImportanceRow = Schemas["ImportanceRow"];
export type JobView = Schemas["JobView"];
export type LeaderboardRow = Schemas["LeaderboardRow"];
export type ModelView = Schemas["ModelView"];
/** A setting: hyper-parameters by name. */
export type Parameters = LeaderboardRow["parameters"];
export type PictureView = Schemas["PictureView"];
export type Reproduction = Schemas["Reproduction"];
export type StudyDetail = Schemas["StudyDetail"];
export type StudySummary = Schemas["StudySummary"];
export type TrialColumns = Schemas["TrialColumns"];
export type TrialCounts = Schemas["TrialCounts"];
export type TrialDetail = Schemas["TrialDetail"];
/** Where a trial that exists can stand; the server counts those that do not exist yet as well. */
export type TrialState = Exclude<keyof TrialCounts, "unsuggested">;
export type TrialSummary = Schemas["TrialSummary"];
/** One hyper-parameter's value. */
export type Value = Parameters[string];
export type VolunteerName = Schemas["VolunteerName"];
export type WorkView = Schemas["WorkView"];
export type WorkerView = Schemas["WorkerView"];
