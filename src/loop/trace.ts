/**
 * Reports the records sent to the library and received from it, one by one. The rings are read around each
 * poll, so a loop without a trace pays only two comparisons a poll.
 *
 * @module
 */
import type { Role } from "../base/role.ts";
import type { Faults } from "./faults.ts";
import { ACCEPT_RAW_FLAG, Operation, Status } from "../../ffi/layout.gen.ts";
import type { NativeLoop } from "../../ffi/port.ts";
import { statusCode } from "./native_errors.ts";

/** The kind of socket of an operation: an accepted connection, one made by `connect`, or another socket. */
export type SocketRole = Role | "listener" | "datagram";

/** One operation on its way. */
export interface TraceEvent {
  /** Milliseconds, as `performance.now()` gives them. */
  readonly time: number;
  /** Whether it goes to the library or comes from it. */
  readonly stage: "submitted" | "completed";
  /**
   * The role before the operation's name: `"server.receive"`, `"client.send"`, `"server.accept"`,
   * `"client.connect"`, `"datagram.receive"`; the name alone of what concerns no socket: `"timer"`, `"wake"`.
   */
  readonly operation: string;
  /** The `id` of the connection or listener; undefined before it has one. */
  readonly id: number | undefined;
  /** Bytes sent or received; 0 of other operations. */
  readonly bytes: number;
  /** Why it failed: the `code` the error has. Undefined where it did not. */
  readonly code: string | undefined;
}

/** Receives the events of a loop. A sink that throws is not called again. */
export type TraceSink = (event: TraceEvent) => void;

/** Operations that have one role whatever the id is, with the names they are reported under. */
const fixedNames: Readonly<Record<number, string>> = {
  [Operation.accept]: "server.accept",
  [Operation.adopt]: "server.adopt",
  [Operation.connect]: "client.connect",
  [Operation.datagramOpen]: "datagram.open",
  [Operation.datagramReceive]: "datagram.receive",
  [Operation.datagramSend]: "datagram.send",
  [Operation.membership]: "datagram.membership",
  [Operation.listen]: "listener.listen",
  [Operation.timer]: "timer",
  [Operation.timerCancel]: "timerCancel",
  [Operation.wake]: "wake",
};

const names: readonly string[] = Object.entries(Operation).reduce<string[]>((list, [name, operation]) => {
  list[operation] = name;
  return list;
}, []);

/** Operations whose length field says how many bytes go or came. */
const moving: ReadonlySet<number> = new Set<number>([
  Operation.receive,
  Operation.send,
  Operation.datagramReceive,
  Operation.datagramSend,
]);
/** Operations whose submission has no id, and those of timers, whose id is a timer's. */
const withoutId: ReadonlySet<number> = new Set<number>([
  Operation.timer,
  Operation.timerCancel,
  Operation.wake,
]);
const withoutIdAtFirst: ReadonlySet<number> = new Set<number>([
  Operation.listen,
  Operation.connect,
  Operation.adopt,
  Operation.datagramOpen,
]);

/** The id no socket has, as it lies in a record. */
const noId = -1;

export class Trace {
  readonly #native: NativeLoop;
  readonly #faults: Faults;
  readonly #roleOf: (id: number) => SocketRole | undefined;
  #sink: TraceSink | undefined;
  /** Positions in the rings up to which everything was reported. */
  #submitted = 0;
  #completed = 0;

  constructor(
    native: NativeLoop,
    roleOf: (id: number) => SocketRole | undefined,
    sink: TraceSink,
    faults: Faults,
  ) {
    this.#faults = faults;
    this.#native = native;
    this.#roleOf = roleOf;
    this.#sink = sink;
    // Records that are in the rings already are not reported.
    this.#submitted = native.submissions.look(0, () => {});
    this.#completed = native.completions.look(0, () => {});
  }

  /** Before a poll. */
  beforePoll(): void {
    this.#submitted = this.#native.submissions.look(this.#submitted, (operation, id, length) => {
      const ownId = withoutIdAtFirst.has(operation) ? noId : id;
      this.#tell("submitted", operation, ownId, length, Status.ok);
    });
  }

  /** After a poll, before anything that came is handed on. */
  afterPoll(): void {
    this.#completed = this.#native.completions.look(
      this.#completed,
      (operation, id, length, status, _argument, flags) => {
        // A raw descriptor stands where others have their id.
        const isRaw = operation === Operation.accept && (flags & ACCEPT_RAW_FLAG) !== 0;
        this.#tell("completed", operation, isRaw ? noId : id, length, status);
      },
    );
  }

  #tell(stage: TraceEvent["stage"], operation: number, id: number, length: number, status: number): void {
    if (operation === Operation.none || this.#sink === undefined) return;
    const hasId = id !== noId && !withoutId.has(operation);
    try {
      this.#sink({
        time: performance.now(),
        stage,
        operation: fixedNames[operation] ?? this.#named(operation, hasId ? this.#roleOf(id) : undefined),
        id: hasId ? id >>> 0 : undefined,
        bytes: moving.has(operation) ? length : 0,
        code: status === Status.ok ? undefined : statusCode(status),
      });
    } catch (error) {
      this.#sink = undefined;
      this.#faults.tell("a trace sink failed and is not called again", error, true);
    }
  }

  #named(operation: number, role: SocketRole | undefined): string {
    const name = names[operation] ?? `operation ${operation}`;
    return role === undefined ? name : `${role}.${name}`;
  }
}
