/**
 * Options that depend on or exclude one another.
 *
 * @module
 */
import { SEGMENTS_BYTES_MAX } from "../../base/layout.ts";
import { OptionError } from "../../base/errors.ts";
import { checkOrder } from "../../base/options.ts";
import { host } from "../../host/mod.ts";
import { spreadingOf } from "../spreading.ts";
import { optionOperation } from "./check.ts";
import type { ResolvedListenerOptions, ResolvedServerOptions, ResolvedUdpOptions } from "./resolved.ts";

/** Names stand in logs and as labels of metrics. */
const listenerName = /^[\w.:-]{1,64}$/;

function checkListener(listener: ResolvedListenerOptions | ResolvedUdpOptions, prefix: string): void {
  const { highWaterMark, lowWaterMark, bufferLimit, name } = listener;
  if (!listenerName.test(name)) {
    throw new OptionError(
      optionOperation,
      `${prefix}name`,
      `option "${prefix}name" must be 1 to 64 letters, digits, ".", ":", "-" or "_"`,
    );
  }
  checkOrder(optionOperation, [
    [`${prefix}lowWaterMark`, lowWaterMark, `${prefix}highWaterMark`, highWaterMark],
    [`${prefix}highWaterMark`, highWaterMark, `${prefix}bufferLimit`, bufferLimit],
  ]);
}

/** The parts of a listener's options that identify it. */
type Addressed = Pick<ResolvedListenerOptions, "name" | "hostname" | "port"> & {
  unix?: string;
  inherited?: string | number;
};

function addressOf({ unix, inherited, hostname, port }: Addressed): string | undefined {
  if (unix !== undefined) return `unix:${unix}`;
  if (inherited !== undefined) return `inherited:${inherited}`;
  return port === 0 ? undefined : `${hostname}:${port}`;
}

function checkListeners(
  listeners: readonly (ResolvedListenerOptions | ResolvedUdpOptions)[],
  prefixOf: (index: number) => string,
): void {
  const names = new Set<string>();
  const addresses = new Set<string>();
  for (const [index, listener] of listeners.entries()) {
    const prefix = prefixOf(index);
    checkListener(listener, prefix);
    const address = addressOf(listener);
    if (names.has(listener.name)) {
      throw new OptionError(
        optionOperation,
        `${prefix}name`,
        `two listeners have the name "${listener.name}"`,
      );
    }
    if (address !== undefined && addresses.has(address)) {
      throw new OptionError(optionOperation, `${prefix}port`, `two listeners have the address ${address}`);
    }
    names.add(listener.name);
    if (address !== undefined) addresses.add(address);
  }
}

function checkMemory({ segmentSize, segmentCount, headroom, tailroom }: ResolvedServerOptions): void {
  if (headroom + tailroom >= segmentSize) {
    throw new OptionError(
      optionOperation,
      tailroom > headroom ? "tailroom" : "headroom",
      `options "headroom" and "tailroom" (${headroom} and ${tailroom}) must leave space in ` +
        `"segmentSize" (${segmentSize})`,
    );
  }
  if (segmentSize * segmentCount > SEGMENTS_BYTES_MAX) {
    throw new OptionError(
      optionOperation,
      "segmentCount",
      `options "segmentSize" times "segmentCount" must be at most ${SEGMENTS_BYTES_MAX} bytes`,
    );
  }
}

/** The manager's socket is one of this process, and of no process that it starts or that takes its place. */
function checkInheritedUdp({ udp, isolation, restartPath }: ResolvedServerOptions): void {
  const index = udp.findIndex(({ inherited }) => inherited !== undefined);
  if (index < 0 || (isolation === "thread" && restartPath === undefined)) return;
  const key = `udp[${index}].inherited`;
  const other = restartPath === undefined ? 'isolation: "process"' : "restartPath";
  throw new OptionError(optionOperation, key, `options "${key}" and "${other}" cannot be combined`);
}

/** Throws an OptionError where options contradict one another. */
export function checkRelations(options: ResolvedServerOptions): void {
  const { shutdown, supervisor, scaling, limits } = options;
  checkListeners(options.listeners, (index) => options.listeners.length === 1 ? "" : `listeners[${index}].`);
  checkListeners(options.udp, (index) => `udp[${index}].`);
  checkInheritedUdp(options);
  checkOrder(optionOperation, [
    ["minWorkers", options.minWorkers, "workers", options.workers],
    ["workers", options.workers, "maxWorkers", options.maxWorkers],
    ["shutdown.draining", shutdown.draining, "shutdown.maxDraining", shutdown.maxDraining],
    ["supervisor.interval", supervisor.interval, "supervisor.slowAfter", supervisor.slowAfter],
    ["supervisor.slowAfter", supervisor.slowAfter, "supervisor.stuckAfter", supervisor.stuckAfter],
    ["supervisor.backOff", supervisor.backOff, "supervisor.maxBackOff", supervisor.maxBackOff],
    ["scaling.low", scaling.low, "scaling.high", scaling.high],
    ["completionsPerTurn", options.completionsPerTurn, "completionRecords", options.completionRecords],
    ["limits.connectionsPerWorker", limits.connectionsPerWorker, "connectionSlots", options.connectionSlots],
  ]);
  checkMemory(options);
  spreadingOf(options, host.operatingSystem);
  if (options.metrics?.port !== undefined && options.metrics.unix !== undefined) {
    throw new OptionError(
      optionOperation,
      "metrics.unix",
      'options "metrics.port" and "metrics.unix" cannot be combined: the metrics have one address',
    );
  }
}
