/**
 * Runs the same program on two sets of classes and compares what comes out.
 *
 * @module
 */

/** The classes a program uses. */
export interface WebClasses {
  readonly Headers: typeof Headers;
  readonly Response: typeof Response;
}

/** What a program gave, or the name of the error it threw. */
export type Outcome = { readonly value: unknown } | { readonly error: string };

/** Runs it. Promises are waited for. */
export async function outcomeOf(program: () => unknown): Promise<Outcome> {
  try {
    return { value: await program() };
  } catch (error) {
    return { error: (error as Error)?.constructor?.name ?? String(error) };
  }
}
