/**
 * The metrics of a server in the text format that Prometheus reads, version 0.0.4
 * ({@link https://prometheus.io/docs/instrumenting/exposition_formats/ exposition formats}).
 *
 * @module
 */
import {
  type Histogram,
  isHistogram,
  type LabelledValues,
  listenerMetrics,
  type Metric,
  processMetrics,
  serverMetrics,
  type ServerStatistics,
  workerMetrics,
} from "./table.ts";

/** The media type of the text. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Labels of a sample by name. */
type Labels = Readonly<Record<string, string | number>>;

/** One value of a family. */
interface Sample {
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

/** Collects families of metrics and gives their text. */
export class PrometheusText {
  readonly #lines: string[] = [];

  /** A family of plain values; without any it is left out. */
  family(
    name: string,
    type: "counter" | "gauge",
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

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
  }
}

const millisecondsPerSecond = 1000;

function inSeconds({ bounds, counts, sum }: Histogram): Histogram {
  return {
    bounds: bounds.map((bound) => bound / millisecondsPerSecond),
    counts,
    sum: sum / millisecondsPerSecond,
  };
}

/** One sample for each value, with the names of its records as labels. */
function samplesOf(
  value: number | LabelledValues,
  [label, ...inner]: readonly string[],
  labels: Labels,
  divisor: number,
): Sample[] {
  if (typeof value === "number") return [{ labels, value: value / divisor }];
  return Object.entries(value).flatMap(([name, entry]) =>
    samplesOf(entry, inner, { ...labels, [label]: name }, divisor)
  );
}

/** Writes the families of metrics that each of `sources` has. */
function writeFamilies<From>(
  text: PrometheusText,
  metrics: Readonly<Record<string, Metric<From>>>,
  sources: readonly From[],
  labelsOf: (from: From) => Labels,
): void {
  for (const { name, type, help, labels = [], isTime, read } of Object.values(metrics)) {
    const values = sources.map((from) => ({ labels: labelsOf(from), value: read(from) }));
    if (type === "histogram") {
      const histograms = values.flatMap(({ labels, value }) =>
        isHistogram(value) ? [{ labels, histogram: isTime ? inSeconds(value) : value }] : []
      );
      text.histograms(name, help, histograms);
      continue;
    }
    const samples = values.flatMap((entry) =>
      entry.value === undefined || isHistogram(entry.value)
        ? []
        : samplesOf(entry.value, labels, entry.labels, isTime ? millisecondsPerSecond : 1)
    );
    text.family(name, type, help, samples);
  }
}

/**
 * The metrics in Prometheus's text format, version 0.0.4: counters end in `_total`, times are seconds, sizes
 * bytes. Metrics of workers have the label `worker`; the reader adds them up.
 *
 * @example
 * ```ts
 * import type { Server } from "@ringport/ringport";
 * import { renderPrometheus } from "@ringport/ringport/metrics";
 *
 * function metricsOf(server: Server): string {
 *   return renderPrometheus(server.stats());
 * }
 * ```
 */
export function renderPrometheus(server: ServerStatistics): string {
  const text = new PrometheusText();
  writeFamilies(text, serverMetrics, [server], () => ({}));
  writeFamilies(text, processMetrics, [server], () => ({}));
  writeFamilies(
    text,
    listenerMetrics,
    server.listeners,
    ({ name, address }) => ({ listener: name, address }),
  );
  writeFamilies(text, workerMetrics, server.workers, ({ worker }) => ({ worker }));
  return text.toString();
}
