/**
 * The table of the options that a server has once, whatever its listeners.
 *
 * @module
 */
import {
  COMPLETION_RING_RECORDS_DEFAULT,
  COMPLETIONS_PER_TURN_DEFAULT,
  LISTENERS_MAX,
  LOOPS_MAX,
  RING_RECORDS_MAX,
  RING_RECORDS_MIN,
  SEGMENT_COUNT_DEFAULT,
  SEGMENT_COUNT_MAX,
  SEGMENT_COUNT_MIN,
  SEGMENT_SIZE_DEFAULT_BYTES,
  SEGMENT_SIZE_MAX_BYTES,
  SEGMENT_SIZE_MIN_BYTES,
  SEND_ENTRIES_DEFAULT,
  SEND_ENTRIES_MAX,
  SLOTS_DEFAULT,
  SLOTS_MAX,
  SUBMISSION_RING_RECORDS_DEFAULT,
  TIMER_DELAY_MAX_MS,
  TIMERS_DEFAULT,
  TIMERS_MAX,
} from "../../base/layout.ts";
import { offencesMax } from "../address_limits/offences.ts";
import {
  address,
  bytes,
  choice,
  choiceOrFunction,
  count,
  countOr,
  flag,
  json,
  milliseconds,
  powerOfTwo,
  share,
  text,
  unixPath,
} from "./kinds.ts";
import { row, unset } from "./row.ts";

const countMax = 0x7fff_ffff;
/** Bytes a limit of memory may be at most: a tebibyte, more than one process has. */
const memoryMaxBytes = 2 ** 40;
/** One loop of the process is the main thread's. */
const workersMax = LOOPS_MAX - 1;
const delay = milliseconds(0, TIMER_DELAY_MAX_MS);
const positiveDelay = milliseconds(1, TIMER_DELAY_MAX_MS);
const room = bytes(0, SEGMENT_SIZE_MAX_BYTES / 2);

/** The listeners and the limits of all of them together. */
export const limitTable = {
  listeners: unset(
    json(
      `a list of at most ${LISTENERS_MAX} listeners`,
      "<json>",
      (value) => Array.isArray(value) && value.length <= LISTENERS_MAX,
    ),
    "one, of the options above",
    "several listeners, each with options of its own, or none",
    "most servers have one",
  ),
  udp: row(
    json(
      `a list of at most ${LISTENERS_MAX} UDP addresses`,
      "<json>",
      (value) => Array.isArray(value) && value.length <= LISTENERS_MAX,
    ),
    [],
    "UDP addresses whose datagrams the application takes",
    "most servers speak TCP alone",
  ),
  "limits.connections": row(
    countOr(1, countMax, "auto"),
    "auto",
    "connections of all workers at once",
    "what the system's limit of descriptors lets",
  ),
  "limits.connectionsPerWorker": row(
    count(0, SLOTS_MAX),
    0,
    "connections of one worker at once; 0 is as many as it has slots",
    "the server's limit bounds them already",
  ),
  "limits.tasks": row(
    count(0, SLOTS_MAX),
    2_048,
    "handlers of one worker that wait for a promise at once",
    "each holds a segment at least: half of the default ring",
  ),
  "limits.memory": row(
    bytes(0, memoryMaxBytes),
    256 * 1024 * 1024,
    "bytes one worker holds for peers that have not taken them",
    "sixteen connections at their own limit",
  ),
  "limits.banTime": row(
    positiveDelay,
    60_000,
    "time an address stays banned",
    "long for a program, short for people",
  ),
  "limits.banAfter": row(
    count(0, offencesMax),
    0,
    "offences within the ban time after which an address is banned",
    "many users share an address behind one gateway",
  ),
};

/** Workers and the sizes of their loops. */
export const workerTable = {
  workers: row(countOr(1, workersMax, "auto"), "auto", "number of workers", "one for each logical core"),
  minWorkers: unset(
    count(1, workersMax),
    "workers",
    "workers at least, where their number follows the load",
    "a fixed number until it is said",
  ),
  maxWorkers: unset(
    count(1, workersMax),
    "workers",
    "workers at most, where their number follows the load",
    "a fixed number until it is said",
  ),
  isolation: row(
    choice("thread", "process"),
    "thread",
    "what a worker is",
    "threads start sooner and share memory",
  ),
  spreading: row(
    choice("auto", "reusePort", "handOver"),
    "auto",
    "how connections come to the workers",
    "even, or direct where one worker is all there is",
  ),
  segmentSize: row(
    powerOfTwo(SEGMENT_SIZE_MIN_BYTES, SEGMENT_SIZE_MAX_BYTES),
    SEGMENT_SIZE_DEFAULT_BYTES,
    "bytes of one segment",
    "the kernel hands out memory in pages",
  ),
  segmentCount: row(
    count(SEGMENT_COUNT_MIN, SEGMENT_COUNT_MAX),
    SEGMENT_COUNT_DEFAULT,
    "segments of a worker's ring",
    "16 MiB of address space, touched as needed",
  ),
  submissionRecords: row(
    powerOfTwo(RING_RECORDS_MIN, RING_RECORDS_MAX),
    SUBMISSION_RING_RECORDS_DEFAULT,
    "records of a worker's submission ring",
    "the sends of a full turn and more",
  ),
  completionRecords: row(
    powerOfTwo(RING_RECORDS_MIN, RING_RECORDS_MAX),
    COMPLETION_RING_RECORDS_DEFAULT,
    "records of a worker's completion ring",
    "one turn always fits",
  ),
  connectionSlots: row(
    count(1, SLOTS_MAX),
    SLOTS_DEFAULT,
    "connections and listeners a worker has room for",
    "few systems let a process open more",
  ),
  timers: row(count(1, TIMERS_MAX), TIMERS_DEFAULT, "timers a worker has room for", "two for each slot"),
  sendEntries: row(
    count(1, SEND_ENTRIES_MAX),
    SEND_ENTRIES_DEFAULT,
    "entries of all send queues of a worker together",
    "two views on each segment",
  ),
  completionsPerTurn: row(
    count(1, RING_RECORDS_MAX),
    COMPLETIONS_PER_TURN_DEFAULT,
    "completions of one turn at most",
    "their segments stay in the processor's cache",
  ),
  headroom: row(room, 0, "bytes kept free in front of received bytes", "only stages need room"),
  tailroom: row(room, 0, "bytes kept free behind received bytes", "only stages need room"),
  development: row(
    flag,
    false,
    "look for mistakes with windows, and throw where a refused write loses bytes",
    "looking costs time",
  ),
  library: unset(
    text("<path>"),
    "searched for",
    "absolute path of the native library",
    "the package brings its own",
  ),
};

/** The life of the server: how it stops, watches, scales, tells. */
export const lifeTable = {
  "shutdown.refusing": row(
    delay,
    1_000,
    "phase: listeners are closed or handed on",
    "it takes one turn of each loop",
  ),
  "shutdown.draining": row(
    delay,
    10_000,
    "phase: what is in flight finishes; counted from the last bytes that moved",
    "a connection that still moves data gets more time",
  ),
  "shutdown.maxDraining": row(
    delay,
    60_000,
    "the draining phase altogether",
    "service managers kill after 90 s, and closing comes after",
  ),
  "shutdown.closing": row(
    delay,
    5_000,
    "phase: connections are ended politely",
    "as long as an ended one lingers",
  ),
  "shutdown.aborting": row(delay, 1_000, "phase: what is left is cut", "cutting waits for nobody"),
  hangup: row(
    choice("auto", "ignore", "shutdown"),
    "auto",
    "what SIGHUP does on Linux; auto: shuts down where stderr is a terminal",
    "a closed terminal ends its programs, a daemon lives through SIGHUP",
  ),
  "supervisor.interval": row(
    positiveDelay,
    500,
    "time between two looks at the workers",
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
    "longer than any honest pause of a collector",
  ),
  "supervisor.backOff": row(
    delay,
    100,
    "wait before a dead worker is replaced; doubles with each death",
    "a single crash costs little",
  ),
  "supervisor.maxBackOff": row(
    delay,
    10_000,
    "what that wait grows to at most",
    "a cure is tried six times a minute",
  ),
  "supervisor.maxDeaths": row(
    count(1, countMax),
    5,
    "deaths and replacements of stuck workers within the window, above which the server stops",
    "a worker that keeps failing will not recover",
  ),
  "supervisor.deathsWindow": row(
    positiveDelay,
    60_000,
    "time in which they are counted",
    "a bad minute, not a bad week",
  ),
  "supervisor.maxAbandoned": row(
    count(0, countMax),
    4,
    "threads given up as stuck and still running, above which the server stops",
    "each may use up a core, and no runtime can end one",
  ),
  "supervisor.selfTest": row(
    delay,
    0,
    "time between two calls of the server to itself; 0 is off",
    "the application sees such connections",
  ),
  "scaling.high": row(
    share,
    0.8,
    "busy share of time above which a worker is added",
    "the rest takes bursts",
  ),
  "scaling.low": row(
    share,
    0.3,
    "busy share of time under which a worker is retired",
    "its load fits on the others twice over",
  ),
  "scaling.interval": row(positiveDelay, 1_000, "time of one measurement", "many turns, and soon enough"),
  "scaling.holdUp": row(
    count(1, countMax),
    3,
    "measurements above high before one is added",
    "a spike passes",
  ),
  "scaling.holdDown": row(
    count(1, countMax),
    30,
    "measurements under low before one is retired",
    "load that left comes back",
  ),
  "metrics.hostname": row(
    address,
    "127.0.0.1",
    "IP address where the figures can be fetched",
    "they are not for everybody",
  ),
  "metrics.port": unset(
    count(0, 0xffff),
    "off",
    "port where the figures can be fetched; 0 takes any free one",
    "no port is opened unasked",
  ),
  "metrics.unix": unset(
    unixPath,
    "off",
    "path of a Unix socket where the figures can be fetched",
    "no socket is opened unasked",
  ),
  argument: unset(
    text("<text>"),
    "none",
    "text for the applications, given to their start",
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
    "lines for people on a terminal, lines of JSON otherwise",
  ),
  logLevel: row(
    choice("debug", "info", "warn", "error"),
    "info",
    "the least of what is logged",
    "what happens once in the server's life, and faults",
  ),
};
