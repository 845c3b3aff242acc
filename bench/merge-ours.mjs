// Evergreen as one side of bench/merge.mjs: a child with the commands of bench/peers/mergekit_merge.py, and `copy`, which reads and writes what a merge must.
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setThreads } from "../dist/engine/facts.js";
import { mergeFiles } from "../dist/merging/merge-files.js";
import { resolveMerge } from "../dist/merging/settings.js";
import { openModelFolder } from "../dist/models/model-folder.js";
import { serve } from "./serve.mjs";

const commands = {
  async merge({ operator, models, base, out, dtype, threads }) {
    setThreads(threads);
    mkdirSync(out, { recursive: true });
    const began = performance.now();
    const settings = await resolveMerge({
      towers: { image: { operator }, text: { operator } },
      count: models.length,
      hasBase: base !== undefined,
    });
    const files = { base: base && (await openModelFolder(base)), models: await Promise.all(models.map((model) => openModelFolder(model))) };
    await mergeFiles(join(out, "model.safetensors"), files, { settings, type: dtype });
    return { seconds: (performance.now() - began) / 1000 };
  },
  copy({ models, out, bytes }) {
    mkdirSync(out, { recursive: true });
    const buffer = new Uint8Array(1 << 23);
    const began = performance.now();
    for (const model of models) {
      const file = openSync(model, "r");
      while (readSync(file, buffer, 0, buffer.length, null) > 0);
      closeSync(file);
    }
    const file = openSync(join(out, "model.safetensors"), "w");
    for (let left = bytes; left > 0; ) left -= writeSync(file, buffer, 0, Math.min(left, buffer.length));
    fsyncSync(file);
    closeSync(file);
    return { seconds: (performance.now() - began) / 1000 };
  },
};

await serve(commands);
