/**
 * An application with a protocol of its own: a connection that has sent "busy" is not idle until it has sent
 * "done". What a shutdown asks of it is sent to the peer.
 */
import { type Application, type Connection, type SocketHandlers, type Window } from "../../src/mod.ts";
import { markProtocol, type Protocol } from "../../src/stream/protocol.ts";

interface State {
  busy: boolean;
  draining: boolean;
}

const stateOf = (connection: Connection<unknown>) => connection.data as State;

const protocol: Protocol = {
  isIdle: (connection) => !stateOf(connection).busy,
  finish(connection) {
    if (connection.state !== "open") return;
    connection.write("finish ");
    void connection.close();
  },
  draining(connection) {
    if (stateOf(connection).draining) return;
    stateOf(connection).draining = true;
    connection.write("draining ");
  },
};

const table: SocketHandlers<State> = {
  data(connection: Connection<State>, window: Window) {
    connection.data.busy = window.text() !== "done";
    connection.write("ok ");
  },
};
markProtocol(table, protocol);

const application: Application<State> = {
  ...table,
  open(connection) {
    connection.data = { busy: false, draining: false };
  },
};

export default application;
