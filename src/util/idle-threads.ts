type Environment = Record<string, string | undefined>;

/** About half a millisecond on current processors. */
export const usualSpin = "10000";

/**
 * Says how OpenMP's threads wait for work, to this process before OpenMP loads and to its children: they spin for so many turns, then sleep. Waking one costs more than a
 * small model's operator; one that spins for longer keeps the thread it waits for from running where other work shares the processors. The user's own choice stands.
 */
export function settleIdleThreads(env: Environment, spin = usualSpin): void {
  const { OMP_WAIT_POLICY: policy, GOMP_SPINCOUNT: turns } = env;
  const isOurs = policy === "PASSIVE" && turns === usualSpin;
  if ((policy || turns) && !isOurs) return;
  env.OMP_WAIT_POLICY = "PASSIVE";
  env.GOMP_SPINCOUNT = spin;
}
