/**
 * Commands that the tests of packages run.
 *
 * @module
 */

/** How a command ended, with all it printed. */
export interface Ended {
  output: string;
  success: boolean;
}

/** Runs a command in a folder; `clearEnv` leaves it nothing but the variables. */
export async function run(
  folder: string,
  command: string[],
  variables: Record<string, string> = {},
  clearEnv = false,
): Promise<Ended> {
  const { stdout, stderr, success } = await new Deno.Command(command[0], {
    args: command.slice(1),
    cwd: folder,
    clearEnv,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${folder}/deno_cache`, ...variables },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { output: text(stdout) + text(stderr), success };
}
