/** The application of a user of the package. */
import type { Application, Connection, Window } from "@ringport/ringport";

export default class Echo implements Application {
  data(connection: Connection, window: Window): void {
    connection.write(window);
  }
}
