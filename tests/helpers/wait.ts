/**
 * Waiting in tests: every wait has an end and says what was waited for.
 *
 * @module
 */
import { system } from "./runtime.ts";

/** Milliseconds any single wait may last before the test fails: for hangs only, on the busiest machine. */
export const PATIENCE_MILLISECONDS = system === "windows" ? 90_000 : 45_000;

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

/** Milliseconds without a change after which something counts as standing still. */
const STILL_MILLISECONDS = 200;

/** Waits until what is read has begun to change and then does not any more. */
export async function standsStill(read: () => number, what: string, atFirst = 0): Promise<void> {
  let before = atFirst;
  await until(async () => {
    const now = read();
    const isStill = now === before && now !== atFirst;
    before = now;
    if (!isStill) await delay(STILL_MILLISECONDS);
    return isStill;
  }, `${what} stood still`);
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
