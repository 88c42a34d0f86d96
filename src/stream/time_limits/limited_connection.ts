/**
 * A connection as its time limits see it.
 *
 * @module
 */
import type { TimerTarget } from "../../loop/timers.ts";
import type { State } from "../state.ts";
import type { CloseReason } from "../types.ts";
import type { Limits } from "./table.ts";
import type { TimeoutKind } from "./types.ts";

/** A connection whose time is limited. */
export interface LimitedConnection extends TimerTarget {
  readonly id: number;
  /** The id as a signed number. */
  readonly number: number;
  readonly stateNumber: State;
  flags: number;
  readonly bufferedBytes: number;
  /** What files that are under way count in `bufferedBytes`. */
  readonly fileWeight: number;
  /** Its own limits, or those of its configuration. */
  readonly limits: Limits;
  /** Handlers that wait for something other than the connection. */
  readonly tasksAtWork: number;
  /** Calls the `timeout` handler. `"failed"`: it has thrown, and the connection is ended for that. */
  tellTimeout(kind: TimeoutKind): "keep" | "failed" | "told";
  /** Remembers why the connection ends. */
  note(by: CloseReason["by"], error: Error): void;
  closeGently(): void;
  cut(by: CloseReason["by"], error: Error): void;
}
