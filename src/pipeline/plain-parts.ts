// What users' own parts import as "evergreen/parts": all that needs no engine. Augments run in threads that have none.
export { z } from "zod";
export { defineAugment, evaluationPixels, resamplerOption } from "../data/augment.ts";
export { DataError } from "../data/data-error.ts";
export { render } from "../data/decode.ts";
export { delimitedRows, separatorOf } from "../data/delimited.ts";
export { evaluationPlacement, randomCrop } from "../data/geometry.ts";
export { indexedSource, settled, splitNamed, splitOf } from "../data/indexed-source.ts";
export { classNameOf, commonOptions, datasetName } from "../data/source-options.ts";
export { capacityOption, firstThatFit } from "../mixtures/buffer.ts";
export { floorOption, lift, stepsOfTask } from "../schedules/schedule.ts";
export { StreamError } from "../streams/stream.ts";
export { EvergreenError } from "../util/errors.ts";
