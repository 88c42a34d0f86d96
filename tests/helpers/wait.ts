/**
 * Waiting in tests: every wait has an end and says what was waited for.
 *
 * @module
 */
import { system } from "./runtime.ts";

/** Milliseconds any single wait may last before the test fails; Wine is an order slower. */
export const PATIENCE_MILLISECONDS = system === "windows" ? 30_000 : 10_000;

/** Resolves after some milliseconds. */
export function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Settles as `promise` does, or rejects with the name of what did not come. */
export function within<T>(
  promise: Promise<T>,
  what: string,
  milliseconds = PATIENCE_MILLISECONDS,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`waited ${milliseconds} ms in vain for ${what}`)),
      milliseconds,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits until `condition` holds, asking every few milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  milliseconds = PATIENCE_MILLISECONDS,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${milliseconds} ms in vain until ${what}`);
    await delay(5);
  }
}

/** A promise with its two ends. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes a promise that something else settles; a rejection nobody awaits yet is not reported. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** The error that `action` throws or rejects with; fails when it succeeds. */
export async function errorOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error, and none came");
}
