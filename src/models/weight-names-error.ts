import { EvergreenError } from "../util/errors.ts";

/** Tensors whose names or shapes are not the model's. */
export class WeightNamesError extends EvergreenError {
  constructor(message: string, fix?: string) {
    super(message, { code: "EG-4402", exit: "data", ...(fix === undefined ? {} : { fix }) });
  }
}
