import { createInterface } from "node:readline";

/**
 * Answers one JSON object a line on the standard output for each command, an object a line on the standard input, until it is told to stop.
 * @param {Readonly<Record<string, (command: any) => unknown>>} commands by what `do` asks for
 * @param {() => Record<string, unknown>} also What every answer holds beside its own.
 */
export async function serve(commands, also = () => ({})) {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    if (command.do === "stop") break;
    let answer;
    try {
      answer = await commands[command.do](command);
    } catch (error) {
      answer = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.stdout.write(`${JSON.stringify({ do: command.do, ...answer, ...also(), peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
  }
}
