/**
 * The table of the options that a server has once, not per listener.
 *
 * @module
 */
import { banTimeDefaultMilliseconds } from "../../base/limits.ts";
import { LISTENERS_MAX, LOOPS_MAX, SLOTS_MAX, TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  address,
  choice,
  choiceOrFunction,
  inGroup,
  json,
  milliseconds,
  numberBetween,
  portFrom,
  row,
  text,
  unixPath,
  unset,
  wholeNumber,
  wholeNumberOr,
} from "../../base/option_kinds.ts";
import { loopLimitRows } from "../../loop/options.ts";
import { offencesMax } from "../address_limits/offences.ts";
import { rateMax } from "../address_limits/table.ts";

const countMax = 0x7fff_ffff;
/** One loop of the process is the main thread's. */
const workersMax = LOOPS_MAX - 1;
const delay = milliseconds(0, TIMER_DELAY_MAX_MS);
const positiveDelay = milliseconds(1, TIMER_DELAY_MAX_MS);

const listOf = (what: string) =>
  json(
    `a list of at most ${LISTENERS_MAX} ${what}`,
    "<json>",
    (value) => Array.isArray(value) && value.length <= LISTENERS_MAX,
  );

/** Limits by the address of a client, which each listener may have of its own. */
export const addressLimitRows = inGroup("limits", {
  connectionsPerAddress: row(
    wholeNumber(0, countMax),
    0,
    "connections at once from one address",
    "many users share an address behind one gateway",
  ),
  ratePerAddress: row(
    wholeNumber(0, rateMax / 2),
    0,
    "new connections a second from one address",
    "many users share an address behind one gateway",
  ),
  burstPerAddress: row(
    wholeNumber(0, rateMax),
    0,
    "new connections at once before the rate counts; 0 is twice the rate",
    "a browser opens several at once",
  ),
});

/** The listeners of a server. */
export const listenerRows = {
  listeners: unset(
    listOf("listeners"),
    "one, of the options above",
    "several listeners, each with its own options, or none",
    "most servers have one",
  ),
  udp: row(
    listOf("UDP addresses"),
    [],
    "UDP addresses whose datagrams the application receives",
    "most servers speak TCP only",
  ),
};

/** Limits of a server, over all listeners. */
export const serverLimitRows = inGroup("limits", {
  connections: row(
    wholeNumberOr(1, countMax, "auto"),
    "auto",
    "connections of all workers at once",
    "as many as the system's limit of descriptors allows",
  ),
  connectionsPerWorker: row(
    wholeNumber(0, SLOTS_MAX),
    0,
    "connections of one worker at once; 0 is as many as it has slots",
    "the server's limit bounds them already",
  ),
  ...loopLimitRows,
  banTime: row(
    positiveDelay,
    banTimeDefaultMilliseconds,
    "time an address stays banned",
    "long for a program, short for people",
  ),
  banAfter: row(
    wholeNumber(0, offencesMax),
    0,
    "offences within the ban time after which an address is banned",
    "many users share an address behind one gateway",
  ),
});

/** The number and the kind of workers. */
export const workerRows = {
  workers: row(
    wholeNumberOr(1, workersMax, "auto"),
    "auto",
    "number of workers",
    "one for each logical core",
  ),
  minWorkers: unset(
    wholeNumber(1, workersMax),
    "workers",
    "fewest workers, where their number follows the load",
    "the number is fixed by default",
  ),
  maxWorkers: unset(
    wholeNumber(1, workersMax),
    "workers",
    "most workers, where their number follows the load",
    "the number is fixed by default",
  ),
  isolation: row(
    choice("thread", "process"),
    "thread",
    "whether a worker is a thread or a process",
    "threads start sooner and share memory",
  ),
  spreading: row(
    choice("auto", "reusePort", "handOver"),
    "auto",
    "how connections are spread over the workers",
    "spreads evenly: workers accept in turn or, where they cannot, are handed their connections",
  ),
};

/** The phases of a shutdown. */
export const shutdownRows = {
  refusing: row(
    delay,
    1_000,
    "phase: listeners are closed or passed to the successor",
    "it takes one turn of each loop",
  ),
  draining: row(
    delay,
    10_000,
    "phase: work in flight finishes; counted from the last bytes that moved",
    "a connection that still moves data gets more time",
  ),
  maxDraining: row(
    delay,
    60_000,
    "the draining phase altogether",
    "service managers kill after 90 s, and closing comes after",
  ),
  closing: row(
    delay,
    5_000,
    "phase: the remaining connections are closed",
    "as long as an ended connection lingers",
  ),
  aborting: row(delay, 1_000, "phase: the remaining connections are aborted", "aborting waits for no peer"),
};

/** The lifecycle of the server: shutdown, supervision, scaling, metrics. */
export const lifeRows = {
  ...inGroup("shutdown", shutdownRows),
  hangup: row(
    choice("auto", "ignore", "shutdown"),
    "auto",
    "what SIGHUP does on Linux; auto: shut down if stderr is a terminal",
    "a closed terminal ends its programs, a daemon lives through SIGHUP",
  ),
  "supervisor.interval": row(
    positiveDelay,
    500,
    "time between two checks of the workers",
    "cheap, and soon enough",
  ),
  "supervisor.slowAfter": row(
    positiveDelay,
    2_000,
    "time without a turn after which a worker is slow",
    "its clients notice by then",
  ),
  "supervisor.stuckAfter": row(
    positiveDelay,
    10_000,
    "time without a turn after which a worker is replaced",
    "longer than any garbage collection",
  ),
  "supervisor.backOff": row(
    delay,
    100,
    "delay before a dead worker is replaced; doubles with each death",
    "a single crash costs little",
  ),
  "supervisor.maxBackOff": row(
    delay,
    10_000,
    "the longest such delay",
    "a replacement is tried six times a minute",
  ),
  "supervisor.maxDeaths": row(
    wholeNumber(1, countMax),
    5,
    "deaths and replacements of stuck workers within the window, above which the server stops",
    "a worker that keeps failing will not recover",
  ),
  "supervisor.deathsWindow": row(
    positiveDelay,
    60_000,
    "time in which deaths are counted",
    "a bad minute, not a bad week",
  ),
  "supervisor.maxAbandoned": row(
    wholeNumber(0, countMax),
    4,
    "threads given up as stuck and still running, above which the server stops",
    "each may occupy a core, and no runtime can end one",
  ),
  "supervisor.selfTest": row(
    delay,
    0,
    "time between two self-tests, in which the server connects to itself; 0 is off",
    "the application sees these connections",
  ),
  "scaling.high": row(
    numberBetween(0, 1),
    0.8,
    "share of busy time above which a worker is added",
    "the rest absorbs bursts",
  ),
  "scaling.low": row(
    numberBetween(0, 1),
    0.3,
    "share of busy time below which a worker is retired",
    "the other workers can take its load twice over",
  ),
  "scaling.interval": row(positiveDelay, 1_000, "length of one measurement", "many turns, and soon enough"),
  "scaling.holdUp": row(
    wholeNumber(1, countMax),
    3,
    "measurements above high before a worker is added",
    "a spike passes",
  ),
  "scaling.holdDown": row(
    wholeNumber(1, countMax),
    30,
    "measurements below low before a worker is retired",
    "load often comes back",
  ),
  "metrics.hostname": row(
    address,
    "127.0.0.1",
    "IP address that serves the metrics",
    "metrics are not public",
  ),
  "metrics.port": unset(
    portFrom(0),
    "off",
    "port that serves the metrics; 0 takes any free one",
    "no port is opened unasked",
  ),
  "metrics.unix": unset(
    unixPath,
    "off",
    "path of a Unix socket that serves the metrics",
    "no socket is opened unasked",
  ),
  argument: unset(
    text("<text>"),
    "none",
    "text that an application reads as worker.argument",
    "only some need one",
  ),
  restartPath: unset(
    text("<path>"),
    "off",
    "path where a successor takes over the listeners: a Unix socket, on Windows a file",
    "only some servers are replaced while they run",
  ),
  log: row(
    choiceOrFunction("auto", "human", "json", "off"),
    "auto",
    "where and how the log is written",
    "readable lines on a terminal, JSON lines otherwise",
  ),
  logLevel: row(
    choice("debug", "info", "warn", "error"),
    "info",
    "the lowest level that is logged",
    "events of the server's life, and faults",
  ),
};
