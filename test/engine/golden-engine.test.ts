import { z } from "zod";
import { scope } from "../../src/engine/scope.ts";
import { item, scalar, tensor } from "../../src/engine/tensor.ts";
import clip from "../../src/nn/objectives/clip.ts";
import { mergingAdapters } from "../golden-adapters-merging.ts";
import { methodAdapters } from "../golden-adapters-methods.ts";
import { type Adapter, adapter, testRows } from "../golden-runner.ts";

const matrix = z.array(z.array(z.number()));
// In double precision: the row is printed to the last digits of one.
const clipLoss = adapter(
  z.strictObject({ images: matrix, texts: matrix, temperatures: z.array(z.number()) }),
  ({ images, texts, temperatures }) =>
    temperatures.map((temperature) =>
      scope(() => {
        const features = (rows: z.output<typeof matrix>) =>
          tensor(Float64Array.from(rows.flat()), [rows.length, rows[0]?.length ?? 0], "float64");
        return item(clip.loss({ image: features(images), text: features(texts), scale: scalar(1 / temperature, "float64") }));
      }),
    ),
);

testRows("engine", new Map<string, Adapter>([["training.g10", clipLoss], ...mergingAdapters, ...methodAdapters]));
