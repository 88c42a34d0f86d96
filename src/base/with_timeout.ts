/**
 * Waiting for a limited time.
 *
 * @module
 */

/**
 * Waits until `work` settles or its time is over. True when the work was done in time; rejects as it does.
 *
 * @param signal aborting it ends the time at once.
 */
export async function withTimeout(
  work: Promise<unknown>,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const end = () => resolve(false);
  const timer = setTimeout(end, milliseconds);
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}
