// Saving what was fetched with a token: a plain link could not show it.

/** Has the browser save bytes under a name. */
export function save(bytes: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(bytes);
  link.download = name;
  link.click();
  // The browser has taken the bytes when the click is over.
  setTimeout(() => URL.revokeObjectURL(link.href), 0);
}
