/**
 * Numbers as people read them at a glance.
 *
 * @module
 */

import { visibleInColumns } from "../base/visible.ts";

const units = ["", "k", "M", "G", "T", "P"];

/** A number of at most four characters and a unit: 999, 1.2k, 34k, 5.6M. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  let unit = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && rest < 9.95 ? rest.toFixed(1) : String(Math.round(rest));
  return `${value < 0 && digits !== "0" ? "-" : ""}${digits}${units[unit]}`;
}

/** A share as whole percent. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)}%` : "-";
}

/** Milliseconds as the two largest units: 5ms, 12s, 3m04s, 2h05m, 9d03h. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return "-";
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`;
  const seconds = Math.floor(milliseconds / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** What a server says of itself, each character one column wide: others are shown as `?`. */
export function plainText(text: unknown): string {
  return visibleInColumns(String(text)).replace(/[^\u0020-\u007e\u00a1-\u024f]/g, "?");
}
