import fc from "fast-check";
import { expect, test } from "vitest";
import type { BatchSource } from "../mixtures/mixture.ts";
import type { TrainingRow } from "./batches.ts";
import { ledgerOf } from "./ledger.ts";

const sources: readonly BatchSource[] = ["pretraining", "update", "buffer"];
const drawn = fc.record({
  source: fc.constantFrom(...sources),
  concept: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
  pass: fc.nat(2),
});

/** With what the ledger does not look at. */
function asRow({
  concept,
  ...row
}: {
  readonly source: BatchSource;
  readonly concept?: string | undefined;
  readonly pass: number;
}): TrainingRow {
  const request = {
    id: "set/a",
    image: { kind: "file", path: "a.png" },
    transform: "train",
    draws: { purpose: `crop/${row.source}`, task: 0, index: 0 },
  } as const;
  return { ...row, request, caption: "a", ...(concept === undefined ? {} : { concept }) };
}

test("counts add up to the rows drawn, each kind of row once", () => {
  fc.assert(
    fc.property(fc.array(fc.array(drawn, { maxLength: 6 }), { maxLength: 5 }), (steps) => {
      const work = { steps: steps.length, rowsAt: (step: number): readonly TrainingRow[] => (steps[step] ?? []).map(asRow) };
      const ledger = ledgerOf(3, 40, work);
      expect(ledger.reduce((sum, { n }) => sum + n, 0)).toBe(steps.flat().length);
      for (const { source, concept, pass, n } of ledger)
        expect(n).toBe(steps.flat().filter((row) => row.source === source && row.concept === concept && row.pass === pass).length);
      const kinds = ledger.map(({ source, concept, pass }) => JSON.stringify([source, concept, pass]));
      expect(new Set(kinds).size).toBe(kinds.length);
      expect(ledger.every(({ task, s }) => task === 3 && s === 40)).toBe(true);
    }),
  );
});
