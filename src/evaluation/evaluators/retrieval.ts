import { z } from "zod";
import { scope } from "../../engine/scope.ts";
import type { Measurement } from "../../runs/measurement.ts";
import type { EvaluatorDefinition } from "../evaluator.ts";
import { wilson } from "../intervals.ts";
import { largestSimilarities } from "../largest-similarities.ts";
import { retrievalMetrics, retrievalRanks } from "../retrieval-metrics.ts";

const options = z.strictObject({});

/** Recall at 1, 5 and 10 and mean reciprocal rank, both ways, by identity of the image. */
const retrieval: EvaluatorDefinition<typeof options> = {
  summary: "Image-text retrieval: does an image find its captions, a caption its image.",
  source: "arXiv:2103.00020, §3.1.4; CLIP_benchmark's metric names",
  options,
  takesEnsembles: true,
  tasks: ["retrieval", "caption"],
  benchmark: {
    task: "zeroshot_retrieval",
    metrics: Object.fromEntries(
      ["image", "text"].flatMap((side) => [1, 5, 10].map((k) => [`${side}_retrieval_recall@${k}`, `${side}_retrieval_recall@${k}`])),
    ),
  },
  evaluate: (model, source) =>
    scope(() => {
      const records = source.records("test");
      const owners = records.flatMap((record, image) => record.captions.map(() => image));
      const captions = records.flatMap((record) => record.captions);
      const similarities = largestSimilarities(model, (each) => ({ images: each.images(records), texts: each.texts(captions) }));
      const ranks = retrievalRanks({ images: records.length, owners, similarities });
      const { recalls, recall, reciprocalRank } = retrievalMetrics(ranks);
      const found = Object.entries(recalls).map(([metric, value]): Measurement => {
        const samples = metric.startsWith("text") ? records.length : owners.length;
        const interval = wilson(Math.round(value * samples), samples);
        return { metric, value, unit: "share", samples, ...(interval ? { interval } : {}) };
      });
      const means = Object.entries(recall).map(
        ([k, value]): Measurement => ({ metric: `retrieval_recall@${k}`, value, unit: "share", samples: records.length }),
      );
      return {
        headline: "retrieval_recall@5",
        measurements: [
          ...means,
          ...found,
          { metric: "mean_reciprocal_rank", value: reciprocalRank.mean, unit: "share", samples: records.length },
        ],
        outcomes: [
          { metric: "text_retrieval_recall@5", flags: ranks.text.map((rank) => (rank <= 5 ? 1 : 0)) },
          { metric: "image_retrieval_recall@5", flags: ranks.image.map((rank) => (rank <= 5 ? 1 : 0)) },
        ].map(({ metric, flags }) => ({ metric, flags: Uint8Array.from(flags) })),
      };
    }),
};
export default retrieval;
