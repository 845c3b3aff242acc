import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { EvergreenError, nearest } from "./errors.ts";
import { loadPlugin } from "./plugin-file.ts";

/** Every pluggable part says what it is and takes; its name is its file name. */
export interface Component<Schema extends z.ZodType = z.ZodType> {
  /** One line for lists. */
  readonly summary: string;
  /** Where the algorithm comes from, down to the equation. */
  readonly source?: string;
  /** Where it is the one to take. */
  readonly when?: string;
  /** What it takes in compute and memory, beside the plainest part of its kind. */
  readonly cost?: string;
  /** Options with their defaults; an unknown key is an error. */
  readonly options: Schema;
}

/** A part as a run file names it: `{ "name": "ewc", "lambda": 100 }`. */
export interface ComponentSpec {
  readonly name: string;
  readonly [option: string]: unknown;
}

/** A name that no file of the catalogue has. */
class UnknownComponentError extends EvergreenError {
  constructor(kind: string, name: string, known: readonly string[]) {
    const near = nearest(name, known);
    super(`unknown ${kind} "${name}"; known: ${known.join(", ")}`, {
      code: "EG-3004",
      exit: "config",
      fix: near ? `did you mean "${near}"?` : `use one of the known names`,
    });
  }
}

const part = /^([a-z0-9][a-z0-9-]*)\.(ts|js)$/;
const pluginPart = /^([a-z0-9][a-z0-9-]*)\.(ts|js|mjs)$/;

/** The parts in some folders, one per file, loaded when they are first named. A later folder's part replaces an earlier one of the same name. */
export class Catalog<Part extends Component> {
  readonly kind: string;
  private readonly folders: readonly URL[];
  /** Users' own parts by name. */
  private plugins: ReadonlyMap<string, URL> = new Map();

  constructor(kind: string, folders: readonly URL[]) {
    this.kind = kind;
    this.folders = folders;
  }

  /**
   * Takes users' parts from some folders too, in place of those it was last told of; a process works on one run at a time.
   * @throws {EvergreenError} for a part whose name is taken: none is replaced in silence.
   */
  extend(folders: readonly URL[]): void {
    const own = this.files(this.folders, part);
    const found = new Map<string, URL>();
    for (const folder of folders)
      for (const [name, file] of this.files([folder], pluginPart)) {
        const taken = own.get(name) ?? found.get(name);
        if (taken)
          throw new EvergreenError(`${this.kind} "${name}" is there twice: ${fileURLToPath(taken)} and ${fileURLToPath(file)}`, {
            code: "EG-3161",
            exit: "config",
            fix: "give the file of your own another name",
          });
        found.set(name, file);
      }
    this.plugins = found;
  }

  /** Folders of users' own parts, for another thread's catalogue. */
  pluginFolders(): readonly string[] {
    return [...new Set([...this.plugins.values()].map((file) => new URL(".", file).href))];
  }

  /** File names without their ending, sorted; users' own come last. `ewc.test.ts` and `ewc.d.ts` are not parts. */
  names(): string[] {
    return [...[...this.files(this.folders, part).keys()].sort(), ...[...this.plugins.keys()].sort()];
  }

  /** Files of users' own parts, by name. */
  pluginFiles(): ReadonlyMap<string, URL> {
    return this.plugins;
  }

  /** @throws {UnknownComponentError} when no file has that name; {EvergreenError} for a file of a user's that holds no part. */
  async load(name: string): Promise<Part> {
    const plugin = this.plugins.get(name);
    if (plugin) return (await loadPlugin(this.kind, plugin)) as Part;
    const file = this.files(this.folders, part).get(name);
    if (!file) throw new UnknownComponentError(this.kind, name, this.names());
    const module = (await import(file.href)) as { readonly default?: Part };
    if (!module.default)
      throw new EvergreenError(`${this.kind} "${name}": its file has no default export`, { code: "EG-1002", exit: "internal" });
    return module.default;
  }

  private files(folders: readonly URL[], pattern: RegExp): Map<string, URL> {
    const found = new Map<string, URL>();
    for (const folder of folders)
      for (const entry of readdirSync(fileURLToPath(folder))) {
        const name = pattern.exec(entry)?.[1];
        if (name) found.set(name, new URL(entry, folder));
      }
    return found;
  }
}
