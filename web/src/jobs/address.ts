// What the address of a labelling page says: which job.

/** The job in `/jobs/{id}`; none in `/jobs`; "unknown" for what names no job. */
export function jobIn(path: string): number | undefined | "unknown" {
  const rest = path.replace(/^\/jobs\/?/, "").replace(/\/$/, "");
  if (rest === "") return undefined;
  return /^\d{1,9}$/.test(rest) ? Number(rest) : "unknown";
}
