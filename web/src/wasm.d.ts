// The workers' module as the pages use it. `cargo xtask build` puts the module and its own
// declarations into src/wasm; TypeScript reads this pattern only where those are missing, so that
// the sources can be checked before anything was compiled.

declare module "*/wasm/worker_wasm.js" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  export function build(): string;
  export class Lender {
    constructor(options: string, on_status: (event: string) => void);
    stop(): void;
    free(): void;
  }
  export class Session {
    constructor(setting: string, seed: string, training: Uint8Array, validation: Uint8Array, classes: number, checkpoint?: Uint8Array);
    train_in_epoch(steps: number): number;
    score(): number | undefined;
    weights(): Uint8Array;
    free(): void;
  }
  export class Classifier {
    constructor(parameters: string, classes: number, height: number, width: number, weights: Uint8Array);
    probabilities(pixels: Uint8Array): Float32Array;
    free(): void;
  }
  export function digit_from_picture(rgba: Uint8Array, width: number, height: number): Uint8Array;
}
