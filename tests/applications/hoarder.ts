/**
 * The application of `commands.ts`, but what comes after a line `hoard` is kept until its connection is gone.
 */
import type { Connection, Window } from "../../src/mod.ts";
import Commands, { type State } from "./commands.ts";

export default class Hoarder extends Commands {
  readonly #kept = new Map<Connection<State>, Window[]>();

  override data(connection: Connection<State>, window: Window): Promise<void> {
    const kept = this.#kept.get(connection);
    if (kept !== undefined) {
      kept.push(window.keep());
      return Promise.resolve();
    }
    if (!window.text().startsWith("hoard")) return super.data(connection, window);
    this.#kept.set(connection, []);
    connection.messageBegan();
    connection.write("give\n");
    return Promise.resolve();
  }

  close(connection: Connection<State>): void {
    for (const window of this.#kept.get(connection) ?? []) window.release();
    this.#kept.delete(connection);
  }
}
