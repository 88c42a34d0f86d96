/**
 * A terminal that is none: what is written to it is kept, keys are pressed by the test.
 *
 * @module
 */
import type { Terminal } from "../../src/cli/terminal.ts";
import { moduleUrl } from "../../src/host/module_url.ts";

/** What a stand-in is like. */
export interface TerminalOptions {
  /** Its size; without one it is no terminal. */
  size?: { columns: number; rows: number };
  variables?: Record<string, string>;
  files?: Record<string, string>;
  operatingSystem?: "linux" | "windows";
}

/** A stand-in for the terminal and the runtime around it. */
export class TestTerminal implements Terminal {
  readonly runtime = "bun";
  readonly cores = 2;
  readonly operatingSystem: "linux" | "windows";
  output = "";
  errors = "";
  size: TerminalOptions["size"];
  /** Handlers of keys and signals that are set now. */
  handlers = 0;
  readonly #options: TerminalOptions;
  #press: ((keys: string) => void) | undefined;

  constructor(options: TerminalOptions = {}) {
    this.#options = options;
    this.size = options.size;
    this.operatingSystem = options.operatingSystem ?? "linux";
  }

  press(keys: string): void {
    this.#press?.(keys);
  }

  isTerminal(): boolean {
    return this.size !== undefined;
  }

  moduleUrl(name: string): string {
    return moduleUrl(name, () => "/folder");
  }

  onKeys(handler: (keys: string) => void): () => void {
    this.#press = handler;
    this.handlers += 1;
    return () => this.handlers -= 1;
  }

  onSignal(): () => void {
    this.handlers += 1;
    return () => this.handlers -= 1;
  }

  readText(path: string): Promise<string | undefined> {
    return Promise.resolve(this.#options.files?.[path]);
  }

  terminalSize(): { columns: number; rows: number } | undefined {
    return this.size;
  }

  variable(name: string): string | undefined {
    return this.#options.variables?.[name];
  }

  variableNames(): string[] {
    return Object.keys(this.#options.variables ?? {});
  }

  write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    const text = new TextDecoder().decode(bytes);
    if (stream === "stdout") this.output += text;
    else this.errors += text;
    return Promise.resolve();
  }
}
