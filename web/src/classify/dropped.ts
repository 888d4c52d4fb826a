// The files in what was dropped, also those in folders, with the names that they are listed under.

import type { NamedPicture } from "./batch.svelte";

/** The part of a dropped file or folder that is used here. */
interface Entry {
  isFile: boolean;
  isDirectory: boolean;
  name: string;
  fullPath: string;
}

interface FileEntry extends Entry {
  file(onFile: (file: File) => void, onError: (error: unknown) => void): void;
}

interface FolderEntry extends Entry {
  createReader(): { readEntries(onEntries: (entries: Entry[]) => void, onError: (error: unknown) => void): void };
}

/** All files in a drop. It must be called while the drop is being handled: later, it is empty. */
export async function droppedFiles(transfer: DataTransfer): Promise<NamedPicture[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry() as Entry | null, file: item.getAsFile() }));
  const lists = await Promise.all(found.map(({ entry, file }) => (entry?.isDirectory ? filesIn(entry) : alone(file))));
  return lists.flat();
}

/** Chosen files, by their place in the chosen folder where there is one. */
export function chosenFiles(files: Iterable<File>): NamedPicture[] {
  return [...files].filter(({ name }) => !isHidden(name)).map((file) => ({ name: file.webkitRelativePath || file.name, file }));
}

async function alone(file: File | null): Promise<NamedPicture[]> {
  return file ? [{ name: file.name, file }] : [];
}

/** Everything in and below a folder, but for what systems hide there. */
export async function filesIn(entry: Entry): Promise<NamedPicture[]> {
  if (isHidden(entry.name)) return [];
  if (entry.isDirectory) {
    const lists: NamedPicture[][] = [];
    for (const inner of await entriesOf(entry as FolderEntry)) lists.push(await filesIn(inner));
    return lists.flat();
  }
  const file = await new Promise<File>((resolve, reject) => (entry as FileEntry).file(resolve, reject));
  return [{ name: entry.fullPath.replace(/^\//, ""), file }];
}

/** Browsers list a folder in portions; the last one is empty. */
async function entriesOf(folder: FolderEntry): Promise<Entry[]> {
  const reader = folder.createReader();
  const all: Entry[] = [];
  for (;;) {
    const portion = await new Promise<Entry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return all;
    all.push(...portion);
  }
}

function isHidden(name: string): boolean {
  return name.startsWith(".") || name === "Thumbs.db";
}
