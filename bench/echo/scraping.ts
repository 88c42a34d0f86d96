/**
 * Reads a server's figures again and again, as a collector of metrics does.
 *
 * @module
 */

/** Milliseconds between two readings: oftener than collectors do. */
const interval = 1_000;

/** Begins; the result ends it, and throws if a reading has failed. */
export async function keepScraping(port: number): Promise<() => Promise<void>> {
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    const text = await response.text();
    if (!response.ok || text.length === 0) {
      throw new Error(`the figures were answered with ${response.status}`);
    }
  };
  await read();
  let failure: unknown;
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = read().catch((error: unknown) => void (failure ??= error));
  }, interval);
  return async () => {
    clearInterval(timer);
    await last;
    if (failure !== undefined) throw failure;
  };
}
