import { copyFileSync } from "node:fs";
import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const OUTPUT = resolve(import.meta.dirname, "../gateway/console");

/** The gateway answers only these documents, so they belong to the build that asks them. */
function documents(): Plugin {
  const name = "persisted-documents.json";
  return {
    name: "documents",
    apply: "build",
    closeBundle: () => copyFileSync(resolve(import.meta.dirname, name), resolve(OUTPUT, name)),
  };
}

export default defineConfig({
  plugins: [react(), documents()],
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    // Not in .vite/, which packaging leaves out.
    manifest: "manifest.json",
    // The policy allows no inline module preload helper's fetches beyond our own origin; browsers preload by themselves.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: "es2023",
  },
  server: {
    proxy: Object.fromEntries(
      ["/graphql", "/export", "/session", "/sign-in", "/sign-out"].map((path) => [
        path,
        process.env.RENTMATCH_GATEWAY ?? "http://127.0.0.1:6070",
      ]),
    ),
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});
