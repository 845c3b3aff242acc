import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

// Two suites: `core` runs on a bare machine, `engine` needs the native addon.
const engine = [
  "src/{engine,nn,models,merging,continual,evaluation,training,pipeline,launch}/**/*.test.ts",
  "test/{engine,contracts,resume,end-to-end}/**/*.test.ts",
];
// What users' own parts import, as the source.
const alias = [
  { find: /^evergreen$/, replacement: fileURLToPath(new URL("src/index.ts", import.meta.url)) },
  { find: /^evergreen\/parts$/, replacement: fileURLToPath(new URL("src/pipeline/plain-parts.ts", import.meta.url)) },
];
export default defineConfig({
  resolve: { alias },
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Two workers share the processors: idle compute threads sleep at once.
    env: { GOMP_SPINCOUNT: "0" },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: "core", include: ["src/**/*.test.ts", "test/**/*.test.ts"], exclude: [...configDefaults.exclude, ...engine] },
      },
      { extends: true, test: { name: "engine", include: engine } },
    ],
  },
});
