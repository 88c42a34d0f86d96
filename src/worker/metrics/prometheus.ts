/**
 * The figures of a server as Prometheus reads them.
 *
 * @module
 */
import { type Labels, PrometheusText, type Sample } from "./prometheus_text.ts";
import {
  type CountsByName,
  healths,
  type Histogram,
  phases,
  type ServerStatistics,
  type WorkerStatistics,
} from "./statistics_types.ts";

const millisecondsOfSecond = 1000;

function one(value: number, labels: Labels = {}): Sample[] {
  return [{ labels, value }];
}

function maybe(value: number | undefined): Sample[] {
  return value === undefined ? [] : one(value);
}

function named(counts: CountsByName, label: string, labels: Labels): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { ...labels, [label]: name }, value }));
}

/** One of a few states: its sample is 1, those of the others are 0. */
function stateOf(state: string, states: readonly string[], label: string, labels: Labels = {}): Sample[] {
  return states.map((name) => ({ labels: { ...labels, [label]: name }, value: name === state ? 1 : 0 }));
}

function inSeconds({ bounds, counts, sum }: Histogram): Histogram {
  return {
    bounds: bounds.map((bound) => bound / millisecondsOfSecond),
    counts,
    sum: sum / millisecondsOfSecond,
  };
}

type Workers = readonly WorkerStatistics[];

function each(workers: Workers, read: (worker: WorkerStatistics) => number): Sample[] {
  return workers.map((worker) => ({ labels: { worker: worker.worker }, value: read(worker) }));
}

function eachNamed(
  workers: Workers,
  label: string,
  read: (worker: WorkerStatistics) => CountsByName,
): Sample[] {
  return workers.flatMap((worker) => named(read(worker), label, { worker: worker.worker }));
}

function tellServer(text: PrometheusText, server: ServerStatistics): void {
  const { version, runtime, operatingSystem } = server;
  text.family(
    "ringport_info",
    "gauge",
    "What runs; always 1.",
    one(1, { version, runtime, system: operatingSystem }),
  );
  text.family(
    "ringport_start_time_seconds",
    "gauge",
    "When the server was started, in seconds since 1970.",
    one(server.started / millisecondsOfSecond),
  );
  text.family(
    "ringport_phase",
    "gauge",
    "1 for the phase the server is in.",
    stateOf(server.phase, phases, "phase"),
  );
  text.family("ringport_workers", "gauge", "Workers there are now.", one(server.workers.length));
  text.family(
    "ringport_worker_deaths_total",
    "counter",
    "Workers that died or were given up.",
    one(server.deaths),
  );
  text.family(
    "ringport_abandoned_threads",
    "gauge",
    "Threads of workers that did not come back and still run.",
    one(server.abandonedThreads),
  );
  text.family(
    "ringport_messages_dropped_total",
    "counter",
    "Messages between workers dropped for a worker that hears too slowly.",
    one(server.messagesDropped),
  );
  text.family(
    "ringport_connection_skew_ratio",
    "gauge",
    "Most connections of a worker over the mean of all.",
    one(server.skew),
  );
  text.family(
    "ringport_accept_queue_overflows_total",
    "counter",
    "Connections the kernel lost as an accept queue was full, on the whole system.",
    maybe(server.acceptQueueOverflows),
  );
  text.family(
    "ringport_accept_queue_drops_total",
    "counter",
    "Attempts the kernel dropped at listening sockets, on the whole system.",
    maybe(server.acceptQueueDrops),
  );
  text.family(
    "ringport_log_failures_total",
    "counter",
    "Entries the log's sink failed to take.",
    one(server.logFailures),
  );
  text.family(
    "ringport_log_dropped_total",
    "counter",
    "Entries dropped because nobody read the log fast enough.",
    one(server.logDropped),
  );
}

function tellAddresses(text: PrometheusText, server: ServerStatistics): void {
  const { bans, offences, uncounted } = server.addresses;
  text.family("ringport_address_bans", "gauge", "Bans in force.", one(bans));
  text.family("ringport_address_offences_total", "counter", "Offences of addresses.", one(offences));
  text.family(
    "ringport_addresses_uncounted_total",
    "counter",
    "Connections admitted uncounted because the table of addresses was full.",
    one(uncounted),
  );
}

/** The names that Prometheus's own client libraries give to what the system knows of a process. */
function tellProcess(text: PrometheusText, { process }: ServerStatistics): void {
  const { cpuTime, residentBytes, virtualBytes, openDescriptors, maxDescriptors, started } = process;
  const seconds = (milliseconds: number | undefined) =>
    maybe(milliseconds === undefined ? undefined : milliseconds / millisecondsOfSecond);
  const tell = (name: string, type: "gauge" | "counter", help: string, samples: Sample[]) =>
    text.family(`process_${name}`, type, help, samples);
  tell("cpu_seconds_total", "counter", "Processor time of the server's process.", seconds(cpuTime));
  tell("resident_memory_bytes", "gauge", "Bytes in physical memory.", maybe(residentBytes));
  tell("virtual_memory_bytes", "gauge", "Bytes of address space.", maybe(virtualBytes));
  tell("open_fds", "gauge", "Open descriptors.", maybe(openDescriptors));
  tell("max_fds", "gauge", "Descriptors that may be open.", maybe(maxDescriptors));
  tell("start_time_seconds", "gauge", "When the process was started, since 1970.", seconds(started));
}

function tellListeners(text: PrometheusText, { listeners }: ServerStatistics): void {
  const samples = (read: (listener: ServerStatistics["listeners"][number]) => number | undefined): Sample[] =>
    listeners.flatMap((listener) => {
      const value = read(listener);
      const labels = { listener: listener.name, address: listener.address };
      return value === undefined ? [] : [{ labels, value }];
    });
  const tell = (name: string, type: "gauge" | "counter", help: string, values: Sample[]) =>
    text.family(`ringport_listener_${name}`, type, help, values);
  tell("connections", "gauge", "Connections of the listener open now.", samples(({ open }) => open));
  tell(
    "accepted_total",
    "counter",
    "Connections the listener accepted.",
    samples(({ accepted }) => accepted),
  );
  tell(
    "refused_total",
    "counter",
    "Connections the listener cut at once, by reason.",
    listeners.flatMap(({ name, address, refusals }) =>
      named(refusals, "reason", { listener: name, address })
    ),
  );
  tell(
    "waiting_connections",
    "gauge",
    "Connections accepted that no worker has yet.",
    samples(({ waiting }) => waiting),
  );
  tell("paused", "gauge", "1 while the listener does not accept.", samples(({ paused }) => paused ? 1 : 0));
  tell(
    "accept_queue_connections",
    "gauge",
    "Connections that wait in the kernel.",
    samples(({ acceptQueue }) => acceptQueue?.length),
  );
  tell(
    "accept_queue_size_connections",
    "gauge",
    "Connections that may wait in the kernel.",
    samples(({ acceptQueue }) => acceptQueue?.max),
  );
}

function tellConnections(text: PrometheusText, workers: Workers): void {
  const counter = (name: string, help: string, samples: Sample[]) =>
    text.family(`ringport_connections_${name}_total`, "counter", help, samples);
  const counted = (read: (connections: WorkerStatistics["connections"]) => number) =>
    each(workers, ({ connections }) => read(connections));
  text.family("ringport_connections_open", "gauge", "Connections open now.", counted(({ open }) => open));
  text.family(
    "ringport_connections",
    "gauge",
    "Connections open now, by state.",
    eachNamed(workers, "state", ({ connections }) => connections.byState),
  );
  counter("accepted", "Connections accepted.", counted(({ accepted }) => accepted));
  counter("connected", "Connections the application made.", counted(({ connected }) => connected));
  counter(
    "refused",
    "Connections cut at once, by reason.",
    eachNamed(workers, "reason", ({ connections }) => connections.refused),
  );
  counter("handled", "Connections served to their end.", counted(({ handled }) => handled));
  counter("closed", "Connections closed.", counted(({ closed }) => closed));
  counter("aborted", "Connections cut.", counted(({ aborted }) => aborted));
}

function tellWork(text: PrometheusText, workers: Workers): void {
  const counter = (name: string, help: string, samples: Sample[]) =>
    text.family(`ringport_${name}_total`, "counter", help, samples);
  counter("received_bytes", "Bytes received.", each(workers, ({ bytesReceived }) => bytesReceived));
  counter("sent_bytes", "Bytes sent.", each(workers, ({ bytesSent }) => bytesSent));
  counter(
    "operations",
    "Operations done, by kind and by who asked for them.",
    workers.flatMap(({ worker, operations }) =>
      Object.entries(operations).flatMap(([operation, byRole]) =>
        Object.entries(byRole).map(([role, value]) => ({ labels: { worker, operation, role }, value }))
      )
    ),
  );
  counter("errors", "Errors, by code.", eachNamed(workers, "code", ({ errors }) => errors));
  counter(
    "writes_refused",
    "Writes refused, as the buffer was full or the connection ended.",
    eachNamed(workers, "reason", ({ writesRefused }) => writesRefused),
  );
  counter(
    "handler_errors",
    "Callbacks of the application that threw or rejected.",
    each(workers, ({ handlerErrors }) => handlerErrors),
  );
  counter(
    "unhandled_errors",
    "Of those, the ones that no error callback took.",
    each(workers, ({ unhandledErrors }) => unhandledErrors),
  );
  counter(
    "datagrams_dropped",
    "Datagrams the kernel dropped because a receive buffer was full.",
    each(workers, ({ datagramsDropped }) => datagramsDropped),
  );
  counter("timeouts", "Timeouts, by kind.", eachNamed(workers, "kind", ({ timeouts }) => timeouts));
}

function tellLoops(text: PrometheusText, workers: Workers): void {
  const gauge = (name: string, help: string, samples: Sample[]) =>
    text.family(`ringport_${name}`, "gauge", help, samples);
  const states = (state: (worker: WorkerStatistics) => string, all: readonly string[], label: string) =>
    workers.flatMap((worker) => stateOf(state(worker), all, label, { worker: worker.worker }));
  gauge("worker_phase", "1 for the phase the worker is in.", states(({ phase }) => phase, phases, "phase"));
  gauge("worker_health", "1 for what the worker is.", states(({ health }) => health, healths, "health"));
  gauge(
    "worker_heartbeat_age_seconds",
    "Time since the worker's last sign of life.",
    each(workers, ({ heartbeatAge }) => heartbeatAge / millisecondsOfSecond),
  );
  gauge(
    "loop_utilisation_ratio",
    "Share of time the loop was busy lately.",
    each(workers, ({ utilisation }) => utilisation),
  );
  const busy = each(workers, ({ busyTime }) => busyTime / millisecondsOfSecond);
  text.family("ringport_loop_busy_seconds_total", "counter", "Time the loop was busy.", busy);
  text.family("ringport_turns_total", "counter", "Turns of the loop.", each(workers, ({ turns }) => turns));
  text.histograms(
    "ringport_turn_seconds",
    "Lengths of the loop's turns.",
    workers.map(({ worker, turnLength }) => ({ labels: { worker }, histogram: inSeconds(turnLength) })),
  );
  const rings = (read: (occupancy: { used: number; size: number }) => number) =>
    workers.flatMap(({ worker, submissionRing, completionRing }) => [
      { labels: { worker, ring: "submission" }, value: read(submissionRing) },
      { labels: { worker, ring: "completion" }, value: read(completionRing) },
    ]);
  gauge("ring_records", "Records waiting in a ring now.", rings(({ used }) => used));
  gauge("ring_size_records", "Records a ring has room for.", rings(({ size }) => size));
  gauge("segments_held", "Segments held now.", each(workers, ({ segments }) => segments.used));
  gauge("segments", "Segments there are.", each(workers, ({ segments }) => segments.size));
  gauge("queue_length", "Lengths of queues now.", eachNamed(workers, "queue", ({ queues }) => queues));
}

/**
 * The figures in Prometheus's text format, version 0.0.4: counters end in `_total`, times are seconds, sizes
 * bytes. Figures of workers carry the label `worker`; what is added up over them is the reader's to add.
 *
 * @example
 * ```ts
 * import type { Server } from "@ringport/ringport";
 * import { renderPrometheus } from "@ringport/ringport/metrics";
 *
 * function figuresOf(server: Server): string {
 *   return renderPrometheus(server.stats());
 * }
 * ```
 */
export function renderPrometheus(server: ServerStatistics): string {
  const text = new PrometheusText();
  tellServer(text, server);
  tellAddresses(text, server);
  tellProcess(text, server);
  tellListeners(text, server);
  tellConnections(text, server.workers);
  tellWork(text, server.workers);
  tellLoops(text, server.workers);
  return text.toString();
}
