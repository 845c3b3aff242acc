// An evaluator: scores of a model on a data set. One of your own scores where it is named.
//
//   eval: {evaluator: nearest-mean}          evergreen eval RUN --suite folder:./photos --evaluator nearest-mean --plugins parts

import { classLabels, ops, readFloats, scope, tensor, wilson, z } from "evergreen";

export default {
  summary: "The class whose mean image embedding, over the training samples, is nearest: how well the image tower alone tells classes.",
  source: "arXiv:1611.07725, algorithm 1, with all training samples for exemplars",
  options: z.strictObject({}),
  tasks: ["classification"],
  // It fits something to training samples: sets without any are left out.
  fits: true,
  // What CLIP_benchmark calls the task and its metrics; it has none of this kind.
  benchmark: { task: "nearest_mean", metrics: {} },
  evaluate: (model, source) =>
    scope(() => {
      const [train, test] = [source.records("train"), source.records("test")];
      const labels = classLabels(source, train);
      const classes = source.classNames.length;
      // [K, N] with 1 where a sample is of the class: times the embeddings [N, E] it is each class's sum, whose direction is its mean's.
      const members = new Float32Array(classes * train.length);
      for (const [i, label] of labels.entries()) members[label * train.length + i] = 1;
      const sums = ops.matmul(tensor(members, [classes, train.length], "float32"), model.images(train));
      // A class without training samples has no mean: a zero vector that is nearest to nothing.
      const cosines = readFloats(ops.linear(model.images(test), ops.normalize(sums))); // [N, K]
      const right = classLabels(source, test).map((label, i) => {
        const own = cosines.subarray(i * classes, (i + 1) * classes);
        return own.indexOf(Math.max(...own)) === label ? 1 : 0;
      });
      const hits = right.reduce((sum, each) => sum + each, 0);
      const accuracy = { metric: "nearest_mean_acc1", value: hits / test.length, unit: "share", samples: test.length };
      return {
        headline: "nearest_mean_acc1",
        measurements: [{ ...accuracy, interval: wilson(hits, test.length) }],
        outcomes: [{ metric: "nearest_mean_acc1", flags: Uint8Array.from(right) }],
      };
    }),
};
