import { partsOfMatrix, type ScoreMatrix, transferOf } from "../evaluation/matrix.ts";
import { type TimeMeasures, timedRows } from "../report/time-matrix.ts";
import type { RunView } from "../runs/view.ts";

/** Transfer over a run's matrix of tasks by tests of tasks, each of them learned at its own task; undefined where no task was scored. */
export function timeMeasures(view: RunView): TimeMeasures | undefined {
  const rows = timedRows(view);
  const tests = rows[0]?.splits.dynamic.length ?? 0;
  if (!rows.some(({ task }) => task >= 0)) return undefined;
  const scores = (task: number): (number | undefined)[] => {
    const row = rows.find((each) => each.task === task);
    return Array.from({ length: tests }, (_, test) => row?.splits.dynamic[test]?.value);
  };
  const units = Array.from({ length: tests }, (_, learnedAt) => ({ name: `${learnedAt}`, learnedAt }));
  const matrix: ScoreMatrix = { units, before: scores(-1), after: units.map(({ learnedAt }) => scores(learnedAt)) };
  const { backward, forward, forgetting } = transferOf(matrix);
  const { inDomain, backward: past, forward: future } = partsOfMatrix(matrix);
  return { inDomain, past, future, backward, forward, forgetting };
}
