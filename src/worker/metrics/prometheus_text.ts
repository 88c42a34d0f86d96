/**
 * The text format in which Prometheus reads figures, version 0.0.4
 * ({@link https://prometheus.io/docs/instrumenting/exposition_formats/ exposition formats}).
 *
 * @module
 */
import type { Histogram } from "./statistics_types.ts";

/** The media type of the text. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Labels of a sample by name. */
export type Labels = Readonly<Record<string, string | number>>;

/** What a family's values mean: counters only grow. */
export type MetricType = "counter" | "gauge" | "histogram";

/** One value of a family. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** A number in the format's spelling, which is Go's. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(String(value))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Collects families of figures and gives their text. */
export class PrometheusText {
  readonly #lines: string[] = [];

  /** A family of plain values; without any it is left out. */
  family(
    name: string,
    type: Exclude<MetricType, "histogram">,
    help: string,
    samples: Iterable<Sample>,
  ): void {
    const values = [...samples];
    if (values.length === 0) return;
    this.#head(name, type, help);
    for (const { labels, value } of values) {
      this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
    }
  }

  /** A family of histograms, whose buckets are added up as the format wants it. */
  histograms(
    name: string,
    help: string,
    samples: Iterable<{ readonly labels: Labels; readonly histogram: Histogram }>,
  ): void {
    const values = [...samples];
    if (values.length === 0) return;
    this.#head(name, "histogram", help);
    for (const { labels, histogram } of values) {
      let count = 0;
      for (const [index, bound] of [...histogram.bounds, Infinity].entries()) {
        count += histogram.counts[index] ?? 0;
        this.#lines.push(`${name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${count}`);
      }
      this.#lines.push(`${name}_sum${labelText(labels)} ${numberText(histogram.sum)}`);
      this.#lines.push(`${name}_count${labelText(labels)} ${count}`);
    }
  }

  /** The text so far. */
  toString(): string {
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  #head(name: string, type: MetricType, help: string): void {
    this.#lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
  }
}
