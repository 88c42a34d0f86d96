/**
 * The part of Bun's global object that the benchmarks use, so that they are checked without its type package.
 */
declare namespace Bun {
  const argv: string[];
  const version: string;

  interface Subprocess {
    readonly pid: number;
    readonly stdout: ReadableStream<Uint8Array>;
    readonly stdin: { write(bytes: Uint8Array | string): number; flush(): void; end(): void };
    readonly exited: Promise<number>;
    readonly exitCode: number | null;
    kill(signal?: string | number): void;
  }

  interface SpawnOptions {
    cwd?: string;
    env?: Record<string, string | undefined>;
    stdin?: "pipe" | "inherit" | "ignore";
    stdout?: "pipe" | "inherit" | "ignore";
    stderr?: "pipe" | "inherit" | "ignore";
  }

  interface Finished {
    readonly exitCode: number;
    readonly success: boolean;
    readonly stdout: { toString(): string };
    readonly stderr: { toString(): string };
  }

  interface Socket<State> {
    data: State;
    write(bytes: Uint8Array | string): number;
    end(): void;
    pause(): void;
    resume(): void;
    setNoDelay(on: boolean): void;
  }

  interface SocketHandlers<State> {
    open?(socket: Socket<State>): void;
    data?(socket: Socket<State>, bytes: Uint8Array): void;
    drain?(socket: Socket<State>): void;
    close?(socket: Socket<State>): void;
    error?(socket: Socket<State>, error: Error): void;
  }

  interface ListenOptions<State> {
    hostname: string;
    port: number;
    socket: SocketHandlers<State>;
  }

  interface UdpSocket {
    readonly port: number;
    send(bytes: Uint8Array, port: number, address: string): boolean;
  }

  interface UdpOptions {
    hostname: string;
    port: number;
    socket: {
      data?(socket: UdpSocket, bytes: Uint8Array, port: number, address: string): void;
      error?(socket: UdpSocket, error: Error): void;
    };
  }

  interface ServeOptions {
    hostname: string;
    port: number;
    idleTimeout?: number;
    routes?: Record<string, Response>;
    fetch(request: Request): Response | Promise<Response>;
  }

  function serve(options: ServeOptions): { readonly port: number };

  function udpSocket(options: UdpOptions): Promise<UdpSocket>;

  interface File {
    text(): Promise<string>;
    exists(): Promise<boolean>;
    delete(): Promise<void>;
    writer(): FileSink;
  }

  interface FileSink {
    write(bytes: Uint8Array): number;
    flush(): number | Promise<number>;
    end(): number | Promise<number>;
  }

  function spawn(command: string[], options?: SpawnOptions): Subprocess;
  function spawnSync(command: string[], options?: SpawnOptions): Finished;
  function which(name: string): string | null;
  function sleep(milliseconds: number): Promise<void>;
  function file(path: string | URL): File;

  class Glob {
    constructor(pattern: string);
    scan(options: { cwd: string }): AsyncIterable<string>;
  }

  function write(path: string | URL, content: string | Uint8Array): Promise<number>;
  function listen<State>(options: ListenOptions<State>): { readonly port: number; stop(): void };
  function connect<State>(
    options: ListenOptions<State> & { data?: State },
  ): Promise<Socket<State>>;
}
