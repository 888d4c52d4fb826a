import { afterEach, beforeEach, expect, it, vi } from "vitest";

vi.mock("../wasm/worker_wasm_bg.wasm?url", () => ({ default: "/assets/program.wasm" }));

// The smallest module: its magic number and version.
const EMPTY = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

const request = vi.fn();

function answer(type: string, bytes: Uint8Array<ArrayBuffer>, status = 200): Response {
  return new Response(bytes, { status, headers: { "content-type": type } });
}

/** The module anew, as a tab has it that was just opened. */
async function opened() {
  vi.resetModules();
  return import("./program");
}

beforeEach(() => {
  request.mockReset();
  vi.stubGlobal("fetch", request);
});
afterEach(() => vi.unstubAllGlobals());

it("is fetched and compiled once per tab", async () => {
  request.mockImplementation(() => Promise.resolve(answer("application/wasm", EMPTY)));
  const { compiledProgram, prepareProgram } = await opened();
  prepareProgram();
  const [first, second] = await Promise.all([compiledProgram(), compiledProgram()]);
  expect(first).toBeInstanceOf(WebAssembly.Module);
  expect(second).toBe(first);
  expect(await compiledProgram()).toBe(first);
  expect(request).toHaveBeenCalledExactlyOnceWith("/assets/program.wasm");
});

it("is compiled while it arrives", async () => {
  const streaming = vi.spyOn(WebAssembly, "compileStreaming");
  request.mockResolvedValue(answer("application/wasm", EMPTY));
  const { compiledProgram } = await opened();
  await compiledProgram();
  expect(streaming).toHaveBeenCalledOnce();
});

it("is compiled also where something on the way names it as something else", async () => {
  request.mockResolvedValue(answer("application/octet-stream", EMPTY));
  const { compiledProgram } = await opened();
  expect(await compiledProgram()).toBeInstanceOf(WebAssembly.Module);
});

it("is tried again after a failure, which only who needs it is told of", async () => {
  request.mockRejectedValueOnce(new TypeError("network"));
  request.mockResolvedValueOnce(answer("text/plain", EMPTY, 503));
  request.mockResolvedValueOnce(answer("application/wasm", EMPTY));
  const { compiledProgram, prepareProgram } = await opened();
  prepareProgram();
  await expect(compiledProgram()).rejects.toThrow("The server does not answer.");
  await expect(compiledProgram()).rejects.toThrow("The program can't be fetched (status 503).");
  expect(await compiledProgram()).toBeInstanceOf(WebAssembly.Module);
});

it("says so when the browser does not know what is in it", async () => {
  for (const type of ["application/wasm", "application/octet-stream"]) {
    request.mockResolvedValue(answer(type, EMPTY.with(4, 9) as Uint8Array<ArrayBuffer>));
    const { compiledProgram } = await opened();
    await expect(compiledProgram()).rejects.toThrow("This browser is too old");
  }
});
