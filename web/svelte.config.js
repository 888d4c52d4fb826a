// Svelte's compiler: runes everywhere, so that no file falls back to the old reactivity unnoticed.

/** @type {import("@sveltejs/vite-plugin-svelte").SvelteConfig} */
export default {
  compilerOptions: { runes: true },
};
