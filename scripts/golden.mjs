#!/usr/bin/env node
// Gives every golden row to product code and counts what passed, failed and was not yet run.
import { runGolden } from "./golden-run.mjs";

process.exitCode = runGolden(process.argv.slice(2));
