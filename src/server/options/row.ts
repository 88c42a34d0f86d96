/**
 * One row of the table of options.
 *
 * @module
 */
import type { OptionKind } from "./kinds.ts";

/** All that is known of one option. */
export interface OptionRow {
  readonly kind: OptionKind;
  /**
   * What holds where nobody says otherwise; undefined where the words of `fallbackText` tell what happens.
   */
  readonly fallback: unknown;
  /** The default in words, where it is no value. */
  readonly fallbackText: string;
  /** Why the default is what it is. */
  readonly reason: string;
  /** What the option does, in one line. */
  readonly summary: string;
}

/** A row whose default is a value. */
export function row(kind: OptionKind, fallback: unknown, summary: string, reason: string): OptionRow {
  return { kind, fallback, fallbackText: kind.show(fallback), reason, summary };
}

/** A row without a value by default: what happens then is said in words. */
export function unset(kind: OptionKind, fallbackText: string, summary: string, reason: string): OptionRow {
  return { kind, fallback: undefined, fallbackText, reason, summary };
}
