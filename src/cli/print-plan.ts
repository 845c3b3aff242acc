import type { RunForecast } from "../pipeline/plan-run.ts";
import { accountingName } from "../runs/spec-values.ts";
import { formatBytes, formatDuration, formatFlops } from "../util/units.ts";
import { say, sayFacts, sayTable } from "./output.ts";

/** Plans for people: one with its tasks, several side by side. */
export function tellPlans(forecasts: readonly RunForecast[], titles?: readonly string[]): void {
  const [first] = forecasts;
  if (!titles && first) {
    tellTasks(first);
    say();
    sayFacts(factsOf(first));
  } else
    sayTable({
      columns: [{ title: "" }, ...forecasts.map((_, i) => ({ title: titles?.[i] ?? "", align: "right" as const }))],
      rows: comparedRows(forecasts),
    });
  forecasts.forEach(({ warnings }, i) => {
    for (const warning of warnings) say(`warning${titles ? ` ${titles[i]}` : ""}: ${warning}`);
  });
}

function tellTasks({ tasks }: RunForecast): void {
  const right = { align: "right" } as const;
  sayTable({
    columns: [
      { title: "task" },
      { title: "concepts", ...right },
      { title: "samples", ...right },
      { title: "steps", ...right },
      { title: "update", ...right },
      { title: "buffer", ...right },
      { title: "pretraining", ...right },
      { title: "passes", ...right },
    ],
    // A task whose mixture changes has a line for each phase.
    rows: tasks.flatMap(({ name, concepts, samples, steps, phases, passes }, i) =>
      phases.map(({ from, rows }, phase) => {
        const end = phases[phase + 1]?.from ?? steps;
        const first = phase === 0;
        return [
          first ? (name ?? `${i + 1}`) : "",
          first ? concepts : undefined,
          first ? samples : undefined,
          end - from,
          rows.update,
          rows.buffer,
          rows.pretraining,
          first ? passes.toFixed(1) : undefined,
        ];
      }),
    ),
  });
}

type Fact = readonly [name: string, text: string | undefined];

function factsOf(plan: RunForecast): readonly Fact[] {
  const { model, step, startFlops, taskEnds, memory, disk, evaluation, charge } = plan;
  return [
    ...withoutFacts(plan),
    ["model", `${model.arch}, ${millions(model.trainable)} of ${millions(model.parameters)} parameters learn, ${model.precision}`],
    ["steps", `${plan.steps} of ${plan.batchSize} pairs, ${plan.samples} samples`],
    [
      "a step",
      `${formatFlops(step.metered)} metered${step.closedForm === undefined ? "" : `, ${formatFlops(step.closedForm)} in closed form`}`,
    ],
    ...step.differences.map(({ reason, flops }): Fact => ["", `${flops < 0 ? "−" : "+"}${formatFlops(Math.abs(flops))}  ${reason}`]),
    ["all steps", formatFlops(plan.steps * step.metered)],
    ["all operations", `${formatFlops(operationsOf(plan), "OP")} a step, an entry that anything else reads or writes as one`],
    ["start of the run", startFlops > 0 ? formatFlops(startFlops) : undefined],
    ["ends of tasks", taskEndsText(taskEnds)],
    ["charged", charge && chargeText(charge)],
    ["", charge && accountingName(charge)],
    ["evaluation", `${evaluation.times} times up to ${evaluation.images} images, ${formatFlops(evaluation.flops)}, never charged`],
    ["memory", `${formatBytes(memory.peakBytes)} at the peak, of ${formatBytes(memory.limitBytes)}`],
    ["", memory.hostBytes === 0 ? undefined : `${formatBytes(memory.hostBytes)} of state offloaded to the host's memory, in no multiplier`],
    [
      "disk",
      `up to ${formatBytes(disk.totalBytes)}, ${formatBytes(disk.checkpointBytes)} a checkpoint${disk.expertBytes > 0 ? `, ${formatBytes(disk.expertBytes)} of experts` : ""}`,
    ],
    ["time", timeText(plan)],
  ];
}

/** What was not there, in front of everything that follows from its counts. */
function withoutFacts({ without, model }: RunForecast): readonly Fact[] {
  const { sets, unopened, weights } = without;
  const names = unopened.slice(0, 3).map(({ name }) => name);
  const which = unopened.length > names.length ? `${names.join(", ")} and ${unopened.length - names.length} more` : names.join(", ");
  const here = unopened.length === sets ? "no data was opened" : `${sets - unopened.length} of ${sets} sets were opened`;
  return [
    ["data", unopened.length === 0 ? undefined : `counts from the registry; ${here}. Missing: ${which}`],
    ["", unopened.length === 0 ? undefined : "the classes of a set are taken as equally large, captions as long as the context allows"],
    ["", unopened.length === 0 ? undefined : "to train: evergreen data status says what is missing and how it is obtained"],
    ["weights", weights && `the shapes of ${model.arch}; no file was opened`],
    ["", weights && `to train: ${weights}`],
  ];
}

function taskEndsText({ batches, scoredImages, flops, passes }: RunForecast["taskEnds"]): string | undefined {
  const scored = scoredImages === 0 ? [] : [`up to ${scoredImages} held-back images scored`];
  const computed = [...(batches === 0 ? [] : [`${Math.round(batches)} batches`]), ...scored];
  const parts = computed.length === 0 ? [] : [...computed, formatFlops(flops)];
  const merges = passes === 0 ? [] : [`${passes} passes over a model's entries`];
  return parts.length + merges.length === 0 ? undefined : [...parts, ...merges].join(", ");
}

function chargeText(charge: NonNullable<RunForecast["charge"]>): string {
  const { unit, perStep, multiplier, total } = charge;
  const name = unitOf(charge);
  const factor = unit === "mafs" && Number.isFinite(multiplier) ? `, memory × ${Number(multiplier.toFixed(4))}` : "";
  return `${formatFlops(total, name)}, ${formatFlops(perStep, name)} a step${factor}`;
}

const operationsOf = ({ step }: RunForecast): number => step.metered + step.elements;

function timeText({ time }: RunForecast): string {
  if (!time) return "not known: --calibrate measures it";
  const { stepMs, error, totalMs, trainMs, evaluateMs, cost } = time;
  const parts = `training ${formatDuration(trainMs)}, evaluation ${formatDuration(evaluateMs)}`;
  const price = cost === undefined ? "" : `, costs ${cost.toFixed(2)}`;
  return `${formatDuration(totalMs)} ± ${(100 * error).toFixed(0)} % (${parts}; ${stepMs.toFixed(1)} ms a step)${price}`;
}

/** A row for each thing in which plans can differ, one value in a cell, so that several plans fit beside each other. */
function comparedRows(plans: readonly RunForecast[]): readonly (readonly (string | number | undefined)[])[] {
  const rows: readonly (readonly [string, (plan: RunForecast) => string | number | undefined])[] = [
    ["model", ({ model }) => model.arch],
    ["sets not opened", ({ without }) => without.unopened.length || undefined],
    ["parameters that learn", ({ model }) => millions(model.trainable)],
    ["precision", ({ model }) => model.precision],
    ["tasks", ({ tasks }) => tasks.length],
    ["steps", ({ steps }) => steps],
    ["pairs of a step", ({ batchSize }) => batchSize],
    ["samples", ({ samples }) => samples],
    ["a step", ({ step }) => formatFlops(step.metered)],
    ["all steps", ({ steps, step }) => formatFlops(steps * step.metered)],
    ["all operations of a step", (plan) => formatFlops(operationsOf(plan), "OP")],
    ["charged", ({ charge }) => charge && formatFlops(charge.total, unitOf(charge))],
    ["evaluation", ({ evaluation }) => formatFlops(evaluation.flops)],
    ["memory", ({ memory }) => formatBytes(memory.peakBytes)],
    ["disk", ({ disk }) => formatBytes(disk.totalBytes)],
    ["time", ({ time }) => time && formatDuration(time.totalMs)],
    ["cost", ({ time }) => time?.cost?.toFixed(2)],
  ];
  return rows.flatMap(([name, of]) => {
    const cells = plans.map(of);
    return cells.some((cell) => cell !== undefined) ? [[name, ...cells]] : [];
  });
}

const unitOf = ({ unit }: NonNullable<RunForecast["charge"]>): string => (unit === "mafs" ? "MAF" : "FLOP");

/** Adapters are few: VeRA's are 0.06 M. */
const millions = (n: number): string => `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} M`;
