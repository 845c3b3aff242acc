import { configDefaults, defineConfig } from "vitest/config";

// Two suites: `core` runs on a bare machine, `engine` needs the native addon.
const engine = [
  "src/{engine,nn,models,merging,continual,evaluation,training,pipeline,launch}/**/*.test.ts",
  "test/{engine,contracts,resume,end-to-end}/**/*.test.ts",
];
export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
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
