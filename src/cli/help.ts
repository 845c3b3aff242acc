/** One line a command, in the order of a first week. `main.ts` shows it without loading any command. */
export const commandSummaries = {
  demo: "see a CLIP model learn from real drawings, in minutes",
  init: "write a commented run file for your own images",
  plan: "what a run will take, before it takes it",
  train: "run a run file: train, evaluate, save",
  resume: "go on with a run, bit for bit",
  eval: "score a model or a run on data sets",
  sweep: "run a grid of runs, and the table of what is there",
  compare: "hold runs against each other, with a verdict",
  merge: "many models into one",
  figure: "one figure of a run, as SVG, PNG or a table",
  report: "write the report of a run again",
  export: "a run's scores as CSV, LaTeX, or CLIP_benchmark's files",
  import: "clip-benchmark",
  ls: "list runs",
  show: "what a run is and did",
  logs: "the log of a run",
  model: "info, convert, encode, tokenize",
  data: "captions, check, licences, mini-flux, prepare, status",
  stream: "build, show, diff, append, check, score",
  schedule: "the learning rate over all tasks",
  preset: "run files that come with Evergreen",
  methods: "the continual-learning methods that a run may list",
  explain: "a run file's values and where they came from, or what a part takes",
  lock: "who holds a run",
  gc: "remove what no run refers to any more",
  doctor: "what this machine has and lacks",
  completion: "completion script for bash, zsh or fish",
} as const;

export type CommandName = keyof typeof commandSummaries;

/** The text of `evergreen --help`. */
export function helpText(): string {
  const width = Math.max(...Object.keys(commandSummaries).map((name) => name.length));
  return [
    "evergreen keeps CLIP models current",
    "",
    "  evergreen COMMAND [options]        evergreen COMMAND --help says more",
    "",
    ...Object.entries(commandSummaries).map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "  -C, --config FILE   run file, repeatable        --set KEY=VALUE   one setting over the file",
    "  --run ID            the run's id                --json            for machines",
    "  --help, --version",
    "",
  ].join("\n");
}
