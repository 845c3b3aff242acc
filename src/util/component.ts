import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { EvergreenError, nearest } from "./errors.ts";

/** Every pluggable part says the same three things; its name is its file name. */
export interface Component<Schema extends z.ZodType = z.ZodType> {
  /** One line for lists. */
  readonly summary: string;
  /** Where the algorithm comes from, down to the equation. */
  readonly source?: string;
  /** Options with their defaults; an unknown key is an error. */
  readonly options: Schema;
}

/** A part as a run file names it: `{ "name": "ewc", "lambda": 100 }`. */
export interface ComponentSpec {
  readonly name: string;
  readonly [option: string]: unknown;
}

/** A name that no file of the catalogue has. */
export class UnknownComponentError extends EvergreenError {
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

/** The parts in some folders, one per file, loaded when they are first named. A later folder's part replaces an earlier one of the same name. */
export class Catalog<Part extends Component> {
  readonly kind: string;
  private readonly folders: readonly URL[];

  constructor(kind: string, folders: readonly URL[]) {
    this.kind = kind;
    this.folders = folders;
  }

  /** File names without their ending, sorted. `ewc.test.ts` and `ewc.d.ts` are not parts. */
  names(): string[] {
    return [...this.files().keys()].sort();
  }

  /** @throws {UnknownComponentError} when no file has that name. */
  async load(name: string): Promise<Part> {
    const file = this.files().get(name);
    if (!file) throw new UnknownComponentError(this.kind, name, this.names());
    const module = (await import(file.href)) as { readonly default?: Part };
    if (!module.default)
      throw new EvergreenError(`${this.kind} "${name}": its file has no default export`, { code: "EG-1002", exit: "internal" });
    return module.default;
  }

  private files(): Map<string, URL> {
    const found = new Map<string, URL>();
    for (const folder of this.folders)
      for (const entry of readdirSync(fileURLToPath(folder))) {
        const name = part.exec(entry)?.[1];
        if (name) found.set(name, new URL(entry, folder));
      }
    return found;
  }
}
