/**
 * The self-test: the server connects to each of its listeners as a client would, to see whether they accept
 * and how soon.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import { ConnectionAbortedError, TimeoutError } from "../../base/errors.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import { connect } from "../../connect/connect.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import type { ListenerInfo } from "../../server/application.ts";
import type { Connection } from "../../stream/types.ts";

/** How one listener answered. */
export interface SelfTestResult {
  /** Its name. */
  listener: string;
  /** Milliseconds until the connection was accepted; undefined where it was not. */
  milliseconds: number | undefined;
  /** Why it was not. */
  error: Error | undefined;
}

/** Where one's own listeners are asked. */
export interface SelfTestTask {
  loop: EventLoop;
  listeners: readonly ListenerInfo[];
  /** Connections accepted so far at a listener. */
  accepted(listener: number): number;
  /** Resolves when that may be more. */
  accepts: AcceptSignal;
  /** Milliseconds each may take. */
  timeout?: number;
}

/** Milliseconds a call of the server to itself may take. */
const timeoutMilliseconds = 5_000;

/** Tells those who wait for it that a connection was accepted. */
export class AcceptSignal {
  #next: PromiseWithResolvers<void> | undefined = undefined;

  /** Resolves at the next one. */
  next(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    return this.#next.promise;
  }

  tell(): void {
    this.#next?.resolve();
    this.#next = undefined;
  }
}

/** Connects to every listener; never rejects. */
export function selfTest(task: SelfTestTask): Promise<SelfTestResult[]> {
  return Promise.all(task.listeners.map((listener, index) => testOne(task, listener, index)));
}

async function testOne(
  task: SelfTestTask,
  { name, address }: ListenerInfo,
  index: number,
): Promise<SelfTestResult> {
  const { loop, timeout = timeoutMilliseconds } = task;
  const begun = performance.now();
  const passed = () => performance.now() - begun;
  const before = task.accepted(index);
  try {
    const timeouts = { connect: timeout };
    const connection = await connect({ ...reachable(address), loop, timeouts, lingerTimeout: 0 });
    connection.unref();
    try {
      // The kernel connects before anybody has accepted.
      const accepted = whenAccepted(task, index, before, connection);
      if (!(await withTimeout(accepted, timeout - passed()))) {
        const details = { code: "ETIMEDOUT", operation: "selfTest" };
        throw new TimeoutError(`selfTest: not accepted within ${timeout} ms`, details);
      }
    } finally {
      connection.abort();
    }
    return { listener: name, milliseconds: passed(), error: undefined };
  } catch (error) {
    return { listener: name, milliseconds: undefined, error: error as Error };
  }
}

/** Resolves when more connections were accepted than `before`; rejects where this one is cut first. */
async function whenAccepted(
  { accepted, accepts }: SelfTestTask,
  index: number,
  before: number,
  connection: Connection<unknown>,
): Promise<void> {
  while (accepted(index) === before) {
    if (connection.state === "closed") {
      const details = { code: "ECONNABORTED", operation: "selfTest", connectionId: connection.id };
      throw new ConnectionAbortedError("selfTest: the connection was closed before it was accepted", details);
    }
    await Promise.race([accepts.next(), connection.closed]);
  }
}

/** Regular self tests: one that takes its time is not joined by further ones. */
export class SelfTests {
  readonly #timer: ReturnType<typeof setInterval>;
  #isRunning = false;

  /** `failed` is called for each listener that did not answer. */
  constructor(
    run: () => Promise<SelfTestResult[]>,
    interval: number,
    failed: (result: SelfTestResult) => void,
  ) {
    this.#timer = setInterval(async () => {
      if (this.#isRunning) return;
      this.#isRunning = true;
      const results = await run();
      this.#isRunning = false;
      for (const result of results) if (result.error !== undefined) failed(result);
    }, interval);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** The address under which this very machine reaches a listener. */
function reachable(address: SocketAddress): { unix: string } | { hostname: string; port: number } {
  if (address.path !== undefined) return { unix: address.path };
  const { hostname, port } = address;
  if (hostname === "0.0.0.0") return { hostname: "127.0.0.1", port };
  return { hostname: hostname === "::" ? "::1" : hostname, port };
}
