// What stands in this page beside its script: the model, and the module that computes. Nothing is fetched.

/** A model as the server puts it into the page. */
export interface EnclosedModel {
  /** Hyper-parameters, which fix the network's shape. */
  setting: Readonly<Record<string, unknown>>;
  classes: number;
  height: number;
  width: number;
  /** Where it comes from and how good it is, as text by name. */
  metadata: Readonly<Record<string, string>>;
  /** Safetensors, in base 64. */
  weights: string;
}

/** The model in this page. */
export function enclosedModel(): EnclosedModel {
  return JSON.parse(textOf("model")) as EnclosedModel;
}

/** The module in this page, compiled. */
export async function enclosedProgram(): Promise<WebAssembly.Module> {
  const packed = new Blob([bytes(textOf("program"))]).stream();
  const unpacked = new Response(packed.pipeThrough(new DecompressionStream("gzip")));
  return WebAssembly.compile(await unpacked.arrayBuffer());
}

/** The bytes that a text in base 64 stands for. */
export function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function textOf(id: string): string {
  const text = document.getElementById(id)?.textContent;
  if (!text) throw new Error("This page is not whole; save it once more.");
  return text;
}
