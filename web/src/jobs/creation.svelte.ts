// A job in the making: pictures are read, those that the server lacks are sent, the job is created.

import * as api from "../api/client";
import type { NamedPicture } from "../classify/batch.svelte";
import { groups, listed, packed, type ListedPicture } from "./pack";

/** Hashes that are asked for at a time. */
const ASKED = 10_000;

export class Creation {
  /** What is under way. */
  step: "reading" | "sending" | null = $state(null);
  /** How much of it is done, from 0 to 1. */
  share = $state(0);

  /** The new job's id. */
  async create(name: string, model: api.JobModel, top: number, files: NamedPicture[], token: string): Promise<number> {
    try {
      const pictures = await this.#list(files);
      await this.#send(files, pictures, token);
      const { id } = await api.createJob({ name, model, top, weight: 1, pictures }, token);
      return id;
    } finally {
      this.step = null;
    }
  }

  async #list(files: NamedPicture[]): Promise<ListedPicture[]> {
    this.step = "reading";
    const pictures: ListedPicture[] = [];
    for (const file of files) {
      pictures.push(await listed(file));
      this.share = pictures.length / files.length;
    }
    return pictures;
  }

  async #send(files: NamedPicture[], pictures: ListedPicture[], token: string): Promise<void> {
    this.step = "sending";
    this.share = 0;
    const byHash = new Map<string, Blob>();
    pictures.forEach(({ sha256 }, i) => {
      const file = files[i]?.file;
      if (sha256 !== undefined && file) byHash.set(sha256, file);
    });
    const hashes = [...byHash.keys()];
    const missing: Blob[] = [];
    for (let at = 0; at < hashes.length; at += ASKED) {
      const answer = await api.missingPictures(hashes.slice(at, at + ASKED), token);
      missing.push(...answer.sha256.flatMap((hash) => byHash.get(hash) ?? []));
    }
    let sent = 0;
    for (const group of groups(missing)) {
      const bytes = await Promise.all(group.map(async (file) => new Uint8Array(await file.arrayBuffer())));
      await api.uploadPictures(packed(bytes), token);
      sent += group.length;
      this.share = sent / missing.length;
    }
  }
}
