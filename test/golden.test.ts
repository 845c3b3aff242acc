import { coreAdapters, engineRows } from "./golden-adapters.ts";
import { testRows } from "./golden-runner.ts";

testRows("core", coreAdapters, engineRows);
