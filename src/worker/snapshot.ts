/**
 * A worker's counters on their way to another process: the memory they lie in, as it is, put into memory of
 * the same form there. So whoever reads counters does not know where they come from.
 *
 * @module
 */
import { HEADER_WORDS, STATISTICS_MAX } from "../base/layout.ts";
import type { ShareableLoop } from "../loop/remote_statistics.ts";
import type { Board } from "../server/board.ts";

/** All numbers of one moment, each part as base64 of its bytes. */
export interface Snapshot {
  header: string;
  statistics: string;
  board: string;
}

const headerBytes = HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT;
const statisticsBytes = STATISTICS_MAX * BigUint64Array.BYTES_PER_ELEMENT;

/** The numbers of a loop of this process and of its worker's board. */
export function takeSnapshot(
  { buffer, headerOffset, statisticsOffset }: ShareableLoop,
  board: Board,
): Snapshot {
  const { numbers } = board;
  return {
    header: textOf(new Uint8Array(buffer, headerOffset, headerBytes)),
    statistics: textOf(new Uint8Array(buffer, statisticsOffset, statisticsBytes)),
    board: textOf(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)),
  };
}

/** Where the numbers of another process's loop are kept. */
export class SnapshotMemory {
  /** To be read as any loop's; its handle names none of this process. */
  readonly loop: ShareableLoop;
  readonly #board: Board;

  constructor(sizes: ShareableLoop["sizes"], board: Board) {
    this.#board = board;
    this.loop = {
      handle: 0,
      buffer: new SharedArrayBuffer(headerBytes + statisticsBytes),
      tables: new SharedArrayBuffer(0),
      headerOffset: 0,
      statisticsOffset: headerBytes,
      sizes,
    };
  }

  /** Throws a SyntaxError or RangeError for what is no snapshot. */
  put({ header, statistics, board }: Snapshot): void {
    const { buffer, headerOffset, statisticsOffset } = this.loop;
    const { numbers } = this.#board;
    fill(new Uint8Array(buffer, headerOffset, headerBytes), header);
    fill(new Uint8Array(buffer, statisticsOffset, statisticsBytes), statistics);
    fill(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), board);
  }
}

function textOf(bytes: Uint8Array): string {
  return bytes.slice().toBase64();
}

function fill(memory: Uint8Array, text: string): void {
  const bytes = Uint8Array.fromBase64(text);
  if (bytes.length !== memory.length) {
    throw new RangeError(`${bytes.length} bytes in place of ${memory.length}`);
  }
  memory.set(bytes);
}
