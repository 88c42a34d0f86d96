/**
 * The system's own numbers, as the library reads them: of this process, of listening sockets, of TCP.
 *
 * @module
 */
import type { OpenedLibrary } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { ListenQueue, ProcessCounters } from "./port.ts";

type Functions = OpenedLibrary["functions"];

/** Bytes. Buffers of a page and more stay where they are. */
const PAGE_BYTES = 4096;
/** Bytes. The text of today's kernels has five thousand. */
const TEXT_BYTES = 64 * 1024;
const HIGH_HALF = 2 ** 32;
const MICROSECONDS_OF_SECOND = 1e6;

function page(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(PAGE_BYTES));
}

/** The counters of TCP as the system writes them; undefined where it does not. */
export function readNetworkCounters(functions: Functions): string | undefined {
  const bytes = new Uint8Array(new ArrayBuffer(TEXT_BYTES));
  const length = functions.ringport_network_counters(bytes, bytes.length);
  return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length));
}

/** This process, as it is now. */
export function readProcessCounters(functions: Functions): ProcessCounters {
  const bytes = page();
  functions.ringport_process_counters(bytes);
  const words = new Uint32Array(bytes.buffer);
  const wide = (low: number) => words[low + 1] * HIGH_HALF + words[low];
  return {
    cpuSeconds: wide(layout.PROCESS_COUNTERS_CPU_US_LOW) / MICROSECONDS_OF_SECOND,
    residentBytes: wide(layout.PROCESS_COUNTERS_RESIDENT_LOW),
    virtualBytes: wide(layout.PROCESS_COUNTERS_VIRTUAL_LOW),
    startedMilliseconds: wide(layout.PROCESS_COUNTERS_STARTED_MS_LOW),
    openDescriptors: words[layout.PROCESS_COUNTERS_OPEN_DESCRIPTORS],
    maxDescriptors: words[layout.PROCESS_COUNTERS_MAX_DESCRIPTORS],
  };
}

/** The queues at an address; undefined where the system does not report it. */
export function readListenQueue(
  functions: Functions,
  { family, port, bytes }: { family: 4 | 6; port: number; bytes: Uint8Array },
): ListenQueue | undefined {
  const struct = page();
  const view = new DataView(struct.buffer);
  view.setUint16(layout.LISTEN_QUEUE_ADDRESS_BYTE + layout.ADDRESS_FAMILY_BYTE, family, true);
  view.setUint16(layout.LISTEN_QUEUE_ADDRESS_BYTE + layout.ADDRESS_PORT_BYTE, port, true);
  struct.set(bytes, layout.LISTEN_QUEUE_ADDRESS_BYTE + layout.ADDRESS_BYTES_BYTE);
  if (functions.ringport_listen_queue(struct) < 0) return undefined;
  const words = new Uint32Array(struct.buffer);
  return {
    sockets: words[layout.LISTEN_QUEUE_SOCKETS],
    length: words[layout.LISTEN_QUEUE_LENGTH],
    limit: words[layout.LISTEN_QUEUE_LIMIT],
  };
}
