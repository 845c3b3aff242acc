#!/usr/bin/env node
// Moves every expected value of every golden row by ten tolerances and sees each row fail: a row that passes with a wrong value tests nothing.
import { runGolden } from "./golden-run.mjs";

process.exitCode = runGolden(process.argv.slice(2), { EVERGREEN_GOLDEN: "mutate" });
