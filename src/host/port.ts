/**
 * The services of a runtime beside FFI: the process, its environment, signals, children and terminal. One
 * interface, two drivers; nothing is read, and no permission requested, before a method is called.
 *
 * @module
 */

/** Signals a handler can be set for, in the systems' own names. */
export type SignalName = "SIGTERM" | "SIGINT" | "SIGUSR1" | "SIGHUP" | "SIGBREAK";

/** Signals a child can be sent. On Windows each of them ends it at once. */
export type KillSignal = "SIGTERM" | "SIGINT" | "SIGUSR1" | "SIGHUP" | "SIGKILL";

/** The two streams a process prints to. */
export type OutputStream = "stdout" | "stderr";

/** The size of a terminal's window in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a child ended: its exit code, and the signal that ended it where there was one. */
export interface ChildStatus {
  readonly code: number;
  readonly signal: string | undefined;
}

/** A running child process. */
export interface ChildProcess {
  readonly pid: number;
  /** Resolves when the child is gone; never rejects. */
  readonly exited: Promise<ChildStatus>;
  /** Sends a signal; false where the child is gone already. */
  kill(signal: KillSignal): boolean;
  /** Keeps this process alive while the child runs: the default. */
  ref(): void;
  /** Does not keep this process alive. */
  unref(): void;
}

/** How a child is started. Its standard output and error are this process's own, its input is empty. */
export interface SpawnOptions {
  /** Arguments the script sees. */
  readonly arguments?: readonly string[];
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Paths, or URLs of files, whose permissions are handed on where this process holds them singly and not for
   * everything (Deno): a runtime does not list its permissions, it only says whether it has a given one.
   */
  readonly paths?: readonly string[];
  /**
   * A module whose project's configuration holds for the child (Deno): the import map with which a module is
   * to be imported there is that of its own project, and not that of the child's main module.
   */
  readonly configuredBy?: string | URL;
}

/** The runtime, beside FFI. */
export interface Host {
  readonly runtime: "bun" | "deno";
  readonly operatingSystem: "linux" | "windows";
  /** The number of this process. */
  readonly pid: number;
  /** The URL of the module that this program was started with. */
  readonly mainModule: string;
  /** The arguments after the name of the script. */
  readonly arguments: readonly string[];
  /**
   * Logical cores this process may use, at least 1; what a control group grants counts where it can be read.
   */
  readonly cores: number;
  /** A variable of the environment; undefined where it is not set or may not be read. Never prompts. */
  variable(name: string): string | undefined;
  /** Names of the variables that are set; empty where they may not be listed. Never prompts. */
  variableNames(): readonly string[];
  /** The same as `variable`, and removes it, so that no child of this process sees it. */
  takeVariable(name: string): string | undefined;
  /** The URL of a module that a command line names by a path, from the current folder, or by a URL. */
  moduleUrl(name: string): string;
  /** The command that starts a module with this runtime, its flags and its permissions. */
  command(module: string | URL, options?: SpawnOptions): string[];
  /** Starts a module as a child process with this runtime, its flags and its permissions. */
  spawn(module: string | URL, options?: SpawnOptions): ChildProcess;
  /** Ends this process. What is still on its way to a slow reader of the output is lost: see `flush`. */
  exit(code: number): never;
  /**
   * Calls `handler` at each signal until the function that comes back is called, in place of what the system
   * does by itself; undefined where this system or runtime has no such signal. On Windows SIGINT is Ctrl+C,
   * SIGBREAK is Ctrl+Break, and SIGHUP is the closing of the window, after which Windows ends the process
   * within 5 seconds whatever it does. Keeps the process alive on neither runtime.
   */
  onSignal(signal: SignalName, handler: () => void): (() => void) | undefined;
  /**
   * Calls `handler` with what was thrown and nobody caught, in place of ending the process, until the
   * function that comes back is called.
   */
  onUncaught(handler: (error: unknown) => void): () => void;
  /** Sends a signal to another process; false where there is none of that number or it is not allowed. */
  kill(pid: number, signal: KillSignal): boolean;
  /** Whether a stream goes to a terminal. */
  isTerminal(stream: OutputStream): boolean;
  /** The size of the terminal's window; undefined where there is no terminal. */
  terminalSize(): TerminalSize | undefined;
  /**
   * Writes bytes, in the order of the calls, without waiting for the reader. Resolves when the system has
   * taken them; a rejection, such as that of a closed pipe, may be ignored.
   */
  write(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Resolves when the system has taken all that was written to a stream, or never. Never rejects. */
  flush(stream: OutputStream): Promise<void>;
  /**
   * Hands over keys as they are pressed, without echo, until the function that comes back is called;
   * undefined if the standard input is not a terminal.
   */
  onKeys(handler: (keys: string) => void): (() => void) | undefined;
  /** The text of a small file, by its path or URL; undefined where it may not be read. Never prompts. */
  readText(path: string): Promise<string | undefined>;
  /** Writes a small file, replacing an existing one; rejects with the runtime's own error. */
  writeText(path: string, text: string): Promise<void>;
  /** Removes a file; false where there is none or it may not be removed. */
  removeFile(path: string): Promise<boolean>;
}
