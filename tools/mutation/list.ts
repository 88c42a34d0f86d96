/**
 * Mistakes that somebody made on purpose and no test noticed, each with the tests that notice it now; and the
 * files in which mistakes are made at random.
 *
 * @module
 */

/** One mistake. */
export interface Mutation {
  file: string;
  /** Stands in the file exactly once. */
  from: string;
  to: string;
  /** The test files that must notice. For a file of Zig the library is built first. */
  tests: string[];
}

export const MUTATIONS: Mutation[] = [
  {
    file: "src/stream/socket_options.ts",
    from: "const { status, systemError } = engine.setOption(id, option, value);",
    to: "const [status, systemError] = [Status.ok, 0]; void [engine, id, option, value];",
    tests: ["socket_options"],
  },
  {
    file: "src/udp/settings.ts",
    from: "const { status, systemError } = engine.setOption(id, option, value);",
    to: "const [status, systemError] = [0, 0]; void [engine, id, option, value];",
    tests: ["socket_options"],
  },
  {
    file: "src/stream/connection.ts",
    from: "} catch (error) {\n      window.endBorrow();",
    to: "} catch (error) {",
    tests: ["handler"],
  },
  {
    file: "zig/src/loop/send.zig",
    from: "const count_max = @min(submissions.used(), constants.send_spans_max,",
    to: "const count_max = @min(submissions.used(), 1,",
    tests: ["write"],
  },
  {
    file: "zig/src/timer_wheel.zig",
    from: "if (delay_ms == 0) now else now + delay_ms + 1;",
    to: "if (delay_ms == 0) now else now + delay_ms;",
    tests: ["timers"],
  },
  {
    file: "zig/src/loop/receive.zig",
    from: "if (loop.segments.find_run() == null) return look_at_starved(loop);",
    to: "if (loop.segments.find_run() == null) return;",
    tests: ["exhaustion"],
  },
  {
    file: "zig/src/segments.zig",
    from: "const end = self.headroom + bytes;",
    to: "const end = bytes;",
    tests: ["window"],
  },
  {
    file: "src/loop/engine.ts",
    from: "return this.#submissions.extendSend(id, segment, offset, length);",
    to: "return this.#submissions.extendSend(id, segment, offset, length) && false;",
    tests: ["write"],
  },
  {
    file: "src/worker/supervision/self_test.ts",
    from: "while (accepted(index) === before) {",
    to: "while (accepted(index) === before && false) {",
    tests: ["in_step"],
  },
  {
    file: "src/worker/supervision/supervisor.ts",
    from: "const worker = this.#slots[index] = this.#make(index);",
    to: "const worker = this.#slots[index] = this.#make(index); worker.ready.then(() => worker.serve());",
    tests: ["in_step"],
  },
  {
    file: "src/loop/event_loop.ts",
    from: "return { ...sizes, slots };",
    to: "return { ...sizes, completionsPerTurn: undefined, slots };",
    tests: ["loop"],
  },
];

/** A file in which mistakes are made at random, and the tests that know it best. */
export interface Target {
  file: string;
  tests: string[];
}

export const TARGETS: Target[] = [
  { file: "src/base/address.ts", tests: ["address"] },
  { file: "src/base/networks.ts", tests: ["networks"] },
  { file: "src/base/nearest.ts", tests: ["nearest"] },
  { file: "src/listen/proxy/binary.ts", tests: ["proxy_protocol"] },
  { file: "src/listen/proxy/text.ts", tests: ["proxy_protocol"] },
  {
    file: "src/stream/sender.ts",
    tests: ["sender", "write", "outbox", "slow_readers", "window", "timeouts", "admission", "stream"],
  },
  { file: "src/framing/delimiter.ts", tests: ["framers", "framed"] },
  { file: "src/loop/overflow.ts", tests: ["overflow"] },
  { file: "src/worker/supervision/supervisor.ts", tests: ["worker_parts", "in_step", "server", "spreading"] },
  { file: "ffi/submission_ring.ts", tests: ["rings"] },
];
