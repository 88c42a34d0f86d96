/**
 * Files that connections send.
 *
 * @module
 */
import { OptionError, StateError } from "../base/errors.ts";
import { FILE_PATH_BYTES_MAX } from "../base/layout.ts";
import { bytes, text } from "../base/option_kinds.ts";
import { checkOptions } from "../base/options.ts";
import { closeFile, openFile } from "../loop/native.ts";

/** Options of {@linkcode SendableFile.open}. */
export interface SendableFileOptions {
  /** Path of the native library, where the loop was created with another one than the default. */
  library?: string;
}

/** The library's file, with the sends that need it. */
export class OpenFile {
  readonly path: string;
  readonly number: number;
  readonly size: number;
  readonly modified: number;
  /** Closed by the application. */
  closed = false;
  readonly #library: string | undefined;
  /** Sends that have not ended, on their way to the library too. */
  #holds = 0;

  constructor(path: string, library: string | undefined) {
    const { number, size, modified } = openFile(path, library);
    this.path = path;
    this.number = number;
    this.size = size;
    this.modified = modified;
    this.#library = library;
  }

  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.closed && this.#holds === 0) closeFile(this.number, this.#library);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#holds === 0) closeFile(this.number, this.#library);
  }
}

const optionSchema = { library: text("<path>") };

let fileOf: (file: unknown) => OpenFile | undefined;

/**
 * A file whose bytes connections send without reading them into memory: see `sendFile` of a connection. Any
 * number of connections of this thread may send it at the same time.
 *
 * The native library opens the file itself and keeps it open until {@linkcode close} and the end of the
 * last send; on Deno that needs no permission but `--allow-ffi`.
 *
 * @example
 * ```ts
 * import { connect, listen, SendableFile } from "@ringport/ringport";
 *
 * await using file = SendableFile.open("deno.json");
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     open(connection) {
 *       connection.sendFile(file);
 *       connection.end();
 *     },
 *   },
 * });
 * await using connection = await connect({ hostname: "127.0.0.1", port: listener.port });
 * let bytes = 0;
 * for await (const chunk of connection.readable) bytes += chunk.length;
 * console.log(bytes === file.size); // true
 * ```
 */
export class SendableFile implements AsyncDisposable {
  readonly #file: OpenFile;

  static {
    fileOf = (file) => typeof file === "object" && file !== null && #file in file ? file.#file : undefined;
  }

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  /**
   * Opens a regular file for reading, without waiting for the event loop: a disk that does not respond
   * holds up the thread.
   *
   * @throws {OptionError} if `path` is not a text, is empty, contains a zero character or is longer than
   * 4,095 bytes.
   * @throws {NotFoundError} if nothing has this path.
   * @throws {AccessDeniedError} if this process may not read the file.
   * @throws {LimitError} if the process has no descriptor left, or 4,096 sendable files open.
   * @throws {RingportError} with the code `ERR_NOT_A_FILE` for a folder, a device or a pipe.
   */
  static open(path: string, options: SendableFileOptions = {}): SendableFile {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new OptionError(
        "SendableFile.open",
        "path",
        "path must be a text without zero characters, not empty",
      );
    }
    if (new TextEncoder().encode(path).length >= FILE_PATH_BYTES_MAX) {
      throw new OptionError(
        "SendableFile.open",
        "path",
        `path must be shorter than ${FILE_PATH_BYTES_MAX} bytes`,
      );
    }
    checkOptions("SendableFile.open", options, optionSchema);
    return new SendableFile(new OpenFile(path, options.library));
  }

  /** The path it was opened with. */
  get path(): string {
    return this.#file.path;
  }

  /** Bytes it had when it was opened. */
  get size(): number {
    return this.#file.size;
  }

  /** Milliseconds since 1970 when its bytes were last changed, as of opening. */
  get modified(): number {
    return this.#file.modified;
  }

  /** True after {@linkcode close}. */
  get closed(): boolean {
    return this.#file.closed;
  }

  /** Refuses further sends. Those in progress continue; the file is closed at the end of the last one. */
  close(): void {
    this.#file.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** The range of `sendFile`. */
export interface SendFileOptions {
  /** Position of the first byte. 0 by default. */
  offset?: number;
  /** How many bytes, 0 for none. Up to the end of the file by default. */
  length?: number;
}

/** The part of a file that a connection sends. */
export interface FilePart {
  readonly file: OpenFile;
  readonly offset: number;
  readonly length: number;
}

/** Checks what `sendFile` was given. */
export function filePartOf(given: unknown, options: SendFileOptions = {}): FilePart {
  const file = fileOf(given);
  if (file === undefined) throw new OptionError("sendFile", "file", "file must be a SendableFile");
  if (file.closed) {
    throw new StateError(`sendFile: ${file.path} is closed`, {
      code: "ERR_STATE",
      operation: "sendFile",
      origin: "application",
    });
  }
  checkOptions("sendFile", options, rangeSchema);
  const { offset = 0, length = Math.max(file.size - offset, 0) } = options;
  if (offset + length > file.size) {
    const range = `bytes ${offset} to ${offset + length} of ${file.path}`;
    throw new OptionError("sendFile", "length", `${range} end behind its ${file.size} bytes`);
  }
  return { file, offset, length };
}

const position = bytes(0, Number.MAX_SAFE_INTEGER);
const rangeSchema = { offset: position, length: position };
