import { readFile } from "node:fs/promises";

import openapiTS, { astToString, COMMENT_HEADER, type OpenAPI3 } from "openapi-typescript";
import { expect, it } from "vitest";

/** The server's OpenAPI document as TypeScript. Requests go by their path; the operations' names are the server's own. */
async function schema(): Promise<string> {
  const text = await readFile(new URL("../../../server/openapi.json", import.meta.url), "utf8");
  const document = JSON.parse(text, (name, value: unknown) => (name === "operationId" ? undefined : value)) as OpenAPI3;
  return COMMENT_HEADER + astToString(await openapiTS(document));
}

it("is what the server's OpenAPI document says; `npm run generate` brings it up to date", async () => {
  await expect(await schema()).toMatchFileSnapshot("./schema.d.ts");
});
