import { performance } from "node:perf_hooks";
import { cpuUsage } from "node:process";

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half the distance between the quartiles, as a share of the median. @param {readonly number[]} values */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

/** What work gave, and the seconds it took on the clock and of all processors. @template T @param {() => T} work */
export function timed(work) {
  const [began, before] = [performance.now(), cpuUsage()];
  const result = work();
  return { result, ...since(began, before) };
}

/** The same of work that takes turns. @template T @param {() => Promise<T>} work */
export async function timedAsync(work) {
  const [began, before] = [performance.now(), cpuUsage()];
  const result = await work();
  return { result, ...since(began, before) };
}

/** @param {number} began @param {NodeJS.CpuUsage} before */
function since(began, before) {
  const { user, system } = cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, processorSeconds: (user + system) / 1e6 };
}
