/**
 * Tracing: one event for each operation that a loop submits or completes.
 *
 * @module
 */
export type { TraceEvent, TraceSink } from "./loop/trace.ts";
