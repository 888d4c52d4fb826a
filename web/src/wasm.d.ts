// The workers' module as the pages use it. `cargo xtask build` puts the module and its own
// declarations into src/wasm; TypeScript reads this pattern only where those are missing, so that
// the sources can be checked before anything was compiled.

declare module "*/wasm/worker_wasm.js" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  export function build(): string;
  export function numerics(): number;
  export function sha256(bytes: Uint8Array): string;
  export class Lender {
    constructor(options: string, on_event: (event: string, pixels?: Uint8Array<ArrayBuffer>) => void);
    change_pace(pace: string): void;
    stop(): void;
    free(): void;
  }
  export class Session {
    constructor(setting: string, seed: string, training: Uint8Array, validation: Uint8Array, classes: number);
    train_in_epoch(steps: number): number;
    score(): number | undefined;
    step(): number;
    total_steps(): number;
    steps_per_epoch(): number;
    validation_count(): number;
    weights(): Uint8Array;
    free(): void;
  }
  export class Classifier {
    constructor(parameters: string, classes: number, height: number, width: number, weights: Uint8Array);
    probabilities(images: Uint8Array): Float32Array;
    free(): void;
  }
  export class Handwriting {
    constructor(rgba: Uint8Array, width: number, height: number);
    evened(): Uint8Array;
    ink(): Uint8Array;
    areas(): Uint32Array;
    fitted(): Uint8Array;
    pixels(): Uint8Array;
    free(): void;
  }
  export class PhotoLabel {
    readonly classIndex: number;
    readonly label: string;
    readonly score: number;
    free(): void;
  }
  export class PhotoClassifier {
    constructor(description: Uint8Array, labels: Uint8Array, weights: Uint8Array);
    labels(encoded: Uint8Array, top: number): PhotoLabel[];
    scores(input: Uint8Array): Float32Array;
    free(): void;
  }
}
