// Points in time and stretches of it, as people say them. The present is an argument.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago something was, such as "5 min ago". */
export function ago(thenMillis: number, nowMillis: number): string {
  const passed = nowMillis - thenMillis;
  return passed < 5 * SECOND ? "just now" : `${duration(passed)} ago`;
}

/** A stretch of time in its largest unit, such as "5 min". */
export function duration(millis: number): string {
  if (millis < MINUTE) return `${Math.max(0, Math.floor(millis / SECOND))} s`;
  if (millis < HOUR) return `${Math.floor(millis / MINUTE)} min`;
  if (millis < DAY) return `${Math.floor(millis / HOUR)} h`;
  const days = Math.floor(millis / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

/** Date and time of day in the reader's time zone. */
export function moment(millis: number): string {
  return new Date(millis).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}
