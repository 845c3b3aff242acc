import { fileURLToPath } from "node:url";

/** Folder of the presets that ship with Evergreen: run files and the checkpoints they start from. */
export const presetFolder = fileURLToPath(new URL("../../presets/", import.meta.url));
