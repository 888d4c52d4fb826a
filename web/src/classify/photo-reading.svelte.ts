// A photo and what a pretrained model says about it. The newest photo and the newest model count:
// what comes late for others is dropped.

import { message } from "../api/problem";
import type { BundleView } from "../api/types";
import type { PhotoLabel } from "./photo";
import { PhotoModel } from "./photo-model";

export class PhotoReading {
  /** The model that was chosen. */
  bundle: BundleView | undefined = $state.raw();
  /** The photo's address within this page. */
  address: string | undefined = $state.raw();
  /** None while they are being found. */
  labels: readonly PhotoLabel[] | undefined = $state.raw();
  trouble: string | null = $state(null);

  #photo: Uint8Array | undefined;
  /** Loaded at the first photo: a page that only reads digits has no use for it. */
  #model: Promise<PhotoModel> | undefined;

  choose(bundle: BundleView): void {
    this.#free();
    this.bundle = bundle;
    void this.#look();
  }

  async read(file: Blob): Promise<void> {
    this.#forget();
    this.address = URL.createObjectURL(file);
    this.#photo = new Uint8Array(await file.arrayBuffer());
    await this.#look();
  }

  end(): void {
    this.#forget();
    this.#free();
  }

  async #look(): Promise<void> {
    const { bundle } = this;
    const photo = this.#photo;
    if (!bundle || !photo) return;
    this.labels = undefined;
    this.trouble = null;
    const isWanted = () => this.bundle === bundle && this.#photo === photo;
    try {
      const model = await (this.#model ??= this.#load(bundle));
      if (isWanted()) this.labels = model.labels(photo);
    } catch (error) {
      if (!isWanted()) return;
      this.trouble = message(error);
      this.#forget();
    }
  }

  /** After a failure the next photo tries again. */
  #load(bundle: BundleView): Promise<PhotoModel> {
    return PhotoModel.load(bundle).catch((error: unknown) => {
      if (this.bundle === bundle) this.#model = undefined;
      throw error;
    });
  }

  #forget(): void {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = undefined;
    this.#photo = undefined;
    this.labels = undefined;
  }

  #free(): void {
    void this.#model?.then((model) => model.free()).catch(() => undefined);
    this.#model = undefined;
  }
}
