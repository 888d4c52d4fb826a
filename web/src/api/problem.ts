// What went wrong with a request, in words for people. Knows the form of the server's errors
// (RFC 9457), not what any of them means.

/** A request that brought no result. */
export class RequestError extends Error {
  /** HTTP status; 0 if no answer arrived. */
  readonly status: number;
  /** The server's stable name for the fault; empty if it gave none. */
  readonly type: string;
  /** Line of the offending text, from 1, where the server named one. */
  readonly line: number | undefined;
  /** Column of the offending text, from 1, where the server named one. */
  readonly column: number | undefined;

  constructor(message: string, status: number, type: string, place: { line?: number; column?: number } = {}) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.type = type;
    this.line = place.line;
    this.column = place.column;
  }
}

/** Reads an answer that is no success; `body` may be anything, also what a proxy made up. */
export function requestError(status: number, body: unknown): RequestError {
  const { type, title, detail, line, column } = fields(body);
  const message = text(detail) || text(title) || `The server answered with status ${status}.`;
  return new RequestError(sentence(message), status, text(type), { ...place("line", line), ...place("column", column) });
}

/** The error for a request that was not answered. */
export function noAnswer(): RequestError {
  return new RequestError("The server does not answer.", 0, "");
}

/** What to show for anything that was thrown. */
export function message(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === "string" ? error : "Something unexpected went wrong.";
}

/** With a capital letter and a full stop: errors are worded to stand behind a colon. */
export function sentence(words: string): string {
  const capital = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

function fields(body: unknown): Record<string, unknown> {
  return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
}

function place(name: "line" | "column", value: unknown): { line?: number; column?: number } {
  return typeof value === "number" ? { [name]: value } : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
