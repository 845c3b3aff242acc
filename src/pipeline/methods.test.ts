import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { methods } from "../continual/method.ts";
import { readSpec } from "../runs/spec.ts";
import { presetFolder } from "./preset-folder.ts";

const compared = readdirSync(presetFolder)
  .filter((file) => /^method-.*\.yaml$/.test(file))
  .filter((file) => /^#.* as arXiv:2408\.14471 compares it/.test(readFileSync(join(presetFolder, file), "utf8")));

test("a preset of a method as arXiv:2408.14471 compares it takes the form of its code wherever there is one", async () => {
  let forms = 0;
  for (const file of compared) {
    const files = [join(presetFolder, "fomo-b16.yaml"), join(presetFolder, file)];
    const { spec } = readSpec({ files, set: [], env: {}, cwd: "/", presets: presetFolder });
    for (const { name, ...options } of spec.methods) {
      const { properties = {} } = z.toJSONSchema((await methods.load(name)).options, { io: "input" });
      const published = Object.entries(properties).filter(([, of]) => typeof of === "object" && of.enum?.includes("published"));
      for (const [option] of published) expect(options[option], `${file}: ${option}`).toBe("published");
      forms += published.length;
    }
  }
  expect(forms).toBeGreaterThan(6);
});
