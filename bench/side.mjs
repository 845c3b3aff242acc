import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A long-lived child that answers one JSON object a line; see bench/peers/openclip_step.py for the commands. */
export class Side {
  /**
   * @param {string} program
   * @param {readonly string[]} args
   * @param {Readonly<Record<string, string>>} env over the environment; both sides get two threads
   */
  constructor(program, args, env = {}) {
    const threads = { OMP_NUM_THREADS: "2", MKL_NUM_THREADS: "2" };
    const { OPENBLAS_CORETYPE: _core, OPENBLAS_L2_SIZE: _size, ...rest } = process.env;
    this.child = spawn(program, [...args], { stdio: ["pipe", "pipe", "inherit"], env: { ...rest, ...threads, ...env } });
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * @param {Record<string, unknown>} command
   * @returns {Promise<any>}
   */
  async ask(command) {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`the child ended before it answered ${JSON.stringify(command)}`);
    const answer = JSON.parse(value);
    if (answer.error) throw new Error(`${command.do}: ${answer.error}`);
    return answer;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.on("exit", resolve));
    this.child.stdin.end(`${JSON.stringify({ do: "stop" })}\n`);
    await gone;
  }
}

/**
 * Work with sides, which are stopped however it ends.
 * @template {Readonly<Record<string, Side>>} Sides
 * @template Result
 * @param {Sides} sides
 * @param {(sides: Sides) => Promise<Result>} work
 */
export async function withSides(sides, work) {
  try {
    return await work(sides);
  } finally {
    for (const side of Object.values(sides)) await side.stop();
  }
}
