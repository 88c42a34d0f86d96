/**
 * As much of Bun's interface as the driver uses, written down here because its types come with a package that
 * Deno's checker does not see.
 *
 * @module
 */

interface BunChild {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly exitCode: number | null;
  readonly signalCode: string | null;
  kill(signal: string): void;
  ref(): void;
  unref(): void;
}

interface BunSpawnOptions {
  env: Record<string, string | undefined>;
  stdin: "ignore";
  stdout: "inherit";
  stderr: "inherit";
}

export interface BunSink {
  write(bytes: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
}

/** The global `Bun`. */
export interface BunGlobal {
  readonly env: Record<string, string | undefined>;
  readonly stdout: { writer(): BunSink };
  readonly stderr: { writer(): BunSink };
  file(path: string): { text(): Promise<string>; delete(): Promise<void> };
  write(path: string, text: string, options: { createPath: boolean }): Promise<number>;
  readonly main: string;
  pathToFileURL(path: string): URL;
  fileURLToPath(url: string | URL): string;
  spawn(command: string[], options: BunSpawnOptions): BunChild;
}

interface BunTerminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

interface BunKeyboard extends BunTerminal {
  setRawMode(on: boolean): void;
  on(event: "data", handler: (bytes: Uint8Array) => void): void;
  off(event: "data", handler: (bytes: Uint8Array) => void): void;
  resume(): void;
  pause(): void;
}

/** The global `process`, which Bun has without an import. */
export interface BunProcess {
  readonly platform: string;
  readonly pid: number;
  readonly argv: string[];
  readonly execPath: string;
  readonly execArgv: string[];
  readonly stdout: BunTerminal;
  readonly stderr: BunTerminal;
  readonly stdin: BunKeyboard;
  cwd(): string;
  exit(code: number): never;
  kill(pid: number, signal: string): void;
  on(event: string, handler: (value: unknown) => void): void;
  off(event: string, handler: (value: unknown) => void): void;
}
