// Puts a page into the document that was made for it.

import { mount, type Component } from "svelte";

export function showPage<P extends Record<string, unknown>>(page: Component<P>, props: P = {} as P): void {
  const target = document.getElementById("page");
  if (!target) throw new Error("the HTML files have an element with the id `page`");
  mount(page, { target, props });
}
