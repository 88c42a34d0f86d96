/**
 * Threads that take turns where it hurts: before any chosen atomic step of one operation another one runs, or
 * the thread dies. All in one real thread, so that every place is reached.
 *
 * @module
 */

const operations = ["load", "store", "add", "sub", "compareExchange", "exchange"] as const;

/** Thrown where the thread is to die. */
export class Died extends Error {
  override name = "Died";
}

/** Runs `operation`, with `intrude` before its atomic step number `step`. False when it has fewer steps. */
export function interleave(operation: () => void, step: number, intrude: () => void): boolean {
  const real = Object.fromEntries(operations.map((name) => [name, Atomics[name]]));
  let count = 0;
  let reached = false;
  const restore = () => Object.assign(Atomics, real);
  const hook = () => {
    if (count++ !== step) return;
    reached = true;
    restore();
    try {
      intrude();
    } finally {
      install();
    }
  };
  const install = () => {
    for (const name of operations) {
      const call = real[name] as (...values: unknown[]) => unknown;
      Object.assign(Atomics, {
        [name]: (...values: unknown[]) => {
          hook();
          return call.apply(Atomics, values);
        },
      });
    }
  };
  install();
  try {
    operation();
  } catch (error) {
    if (!(error instanceof Died)) throw error;
  } finally {
    restore();
  }
  return reached;
}
