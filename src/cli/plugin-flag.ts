import { resolve } from "node:path";
import type { Flag } from "./command.ts";

/** Flag of commands that name parts where no run file says where a user's own ones lie. */
export const pluginFlag = {
  plugins: { type: "string", value: "FOLDER", multiple: true, help: "folder of your own parts; repeatable" },
} as const satisfies Readonly<Record<string, Flag>>;

/** Lets the catalogues take the parts in the folders that the flag names. @throws {EvergreenError} for a folder that is not there or holds no parts. */
export async function usePluginFlag({ plugins }: { readonly plugins?: readonly string[] }): Promise<void> {
  if (plugins === undefined) return;
  const { usePlugins } = await import("../pipeline/catalogues.ts");
  usePlugins(plugins.map((folder) => resolve(folder)));
}
