import { describe, expect, it } from "vitest";

import { message, requestError } from "./problem";

describe("requestError", () => {
  it("prefers the detail over the title", () => {
    const error = requestError(404, { type: "/problems/no-study", title: "Not found", detail: "there is no study 7" });
    expect(error.message).toBe("There is no study 7.");
    expect(error.status).toBe(404);
    expect(error.type).toBe("/problems/no-study");
  });

  it("falls back to the title, then to the status", () => {
    expect(requestError(409, { title: "Conflict" }).message).toBe("Conflict.");
    for (const body of [undefined, null, "<html>", {}, { detail: 7 }]) {
      expect(requestError(502, body).message).toBe("The server answered with status 502.");
    }
  });
});

describe("message", () => {
  it("passes on what wasm throws", () => {
    expect(message("the picture is empty")).toBe("the picture is empty");
    expect(message(new Error("no"))).toBe("no");
    expect(message(7)).toBe("Something unexpected went wrong.");
  });
});
