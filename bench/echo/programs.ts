/**
 * Builds the C programs of the bench into the ignored folder bench/out.
 *
 * @module
 */
const BENCH = new URL("..", import.meta.url).pathname;

/** The folder for programs and results, not kept in version control. */
export const OUT = `${BENCH}out`;
/** The folder of the peers. */
export const PEERS = `${BENCH}peers`;
/** The folder of the bench. */
export const ECHO = `${BENCH}echo`;
/** The folder of the host bench. */
export const HOST = `${BENCH}host`;
/** The folder of the published figures. */
export const FIGURES = new URL("../../docs/figures", import.meta.url).pathname;

function compiler(): string[] {
  for (const name of ["cc", "gcc", "clang"]) {
    const path = Bun.which(name);
    if (path) return [path];
  }
  const zig = Bun.which("zig");
  if (zig) return [zig, "cc"];
  throw new Error("the bench needs a C compiler (cc, gcc, clang or zig) on PATH for its load generator");
}

/** Compiles one program; its path. */
export function build(name: string, sources: string[]): string {
  Bun.spawnSync(["mkdir", "-p", OUT]);
  const target = `${OUT}/${name}`;
  const command = [...compiler(), "-O2", "-Wall", "-Wextra", "-Werror", "-o", target, ...sources];
  const result = Bun.spawnSync(command, { stdout: "inherit", stderr: "inherit" });
  if (result.exitCode !== 0) throw new Error(`could not build ${name}: ${command.join(" ")}`);
  return target;
}

/** Paths of the built programs. */
export interface Programs {
  load: string;
  epollEcho: string;
}

/** Compiles the load generator. */
export function buildLoad(): string {
  const parts = ["main", "options", "connection", "modes", "http"].map((part) => `${BENCH}load/${part}.c`);
  return build("load", parts);
}

/** Compiles the load generator and the C peer. */
export function buildPrograms(): Programs {
  return { load: buildLoad(), epollEcho: build("epoll_echo", [`${PEERS}/epoll_echo.c`]) };
}
