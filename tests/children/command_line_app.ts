/** An application's module for the command line, with options of its own. */
import type { ServerOptions } from "../../src/mod.ts";

export const options: ServerOptions = { port: 1, timeouts: { idle: 5 }, workers: 3 };

export default { data: () => {} };
