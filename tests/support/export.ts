// Saves exports by the command line, as people do.

import { execFileSync } from "node:child_process";

import { environment } from "./environment";
import type { Server } from "./server";

/** Saves a study's best model, or its trials, as `path`; the path. */
export function save(server: Server, study: number, format: string, path: string): string {
  const what = [String(study), "--format", format, "--output", path, "--server", server.url];
  execFileSync(environment().server, ["study", "export", ...what]);
  return path;
}
