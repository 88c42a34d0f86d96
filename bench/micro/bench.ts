/**
 * Measuring one small thing many times, on either runtime, with mitata's sampler.
 *
 * @module
 */
import { measure } from "mitata";

/** One line of the result. */
export interface MicroResult {
  group: string;
  name: string;
  /** Nanoseconds an operation: median, mean and the slowest in a hundred. */
  p50: number;
  average: number;
  p99: number;
}

/** Nanoseconds of CPU time spent on each figure. */
const MEASURE_NS = 400e6;
const TOY_MEASURE_NS = 2e6;
const TOY_SAMPLES = 4;
/** Samples shorter than this are measured in batches; none is where each sample is prepared for itself. */
const BATCH_BELOW_NS = 65536;

/** Collects the results of one run. */
export class Micro {
  readonly results: MicroResult[] = [];
  readonly toy: boolean;
  readonly #filter: string;

  constructor(toy: boolean, filter: string) {
    this.toy = toy;
    this.#filter = filter;
  }

  /** True when the group was asked for. */
  wants(group: string): boolean {
    return group.includes(this.#filter);
  }

  /** Measures `run`, which does `operations` of the thing at once. */
  async add(group: string, name: string, operations: number, run: () => unknown): Promise<void> {
    const stats = await measure(run, this.#options(BATCH_BELOW_NS));
    this.#keep(group, name, operations, stats);
  }

  /** As {@linkcode add}, with `prepare` called before each sample and not measured. */
  async addPrepared(
    group: string,
    name: string,
    operations: number,
    prepare: () => void,
    run: () => unknown,
  ): Promise<void> {
    const stats = await measure(function* () {
      // The sampler prepares as many parameters as the function declares.
      yield { [0]: prepare, bench: (_prepared: void) => run() } as unknown as () => unknown;
    }, this.#options(0));
    this.#keep(group, name, operations, stats);
  }

  #options(batchThreshold: number): Record<string, number> {
    const common = { batch_threshold: batchThreshold };
    if (!this.toy) return { ...common, min_cpu_time: MEASURE_NS };
    return {
      ...common,
      min_cpu_time: TOY_MEASURE_NS,
      min_samples: TOY_SAMPLES,
      max_samples: 64,
      batch_samples: 16,
    };
  }

  #keep(
    group: string,
    name: string,
    operations: number,
    stats: { p50: number; avg: number; p99: number },
  ): void {
    const each = (value: number) => value / operations;
    const result = { group, name, p50: each(stats.p50), average: each(stats.avg), p99: each(stats.p99) };
    this.results.push(result);
    const figures = [result.p50, result.average, result.p99].map((value) => value.toFixed(1).padStart(10));
    console.log(`${group.padEnd(10)} ${name.padEnd(44)} ${figures.join(" ")}`);
  }
}
