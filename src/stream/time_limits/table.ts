/**
 * The one table of time limits and rates. Types, checks, defaults, the rows of a server's options, counters
 * and errors come from it.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  bodyTimeoutDefaultMilliseconds,
  bufferLimitMaxBytes,
  connectTimeoutDefaultMilliseconds,
  firstByteTimeoutDefaultMilliseconds,
  handlerTimeoutDefaultMilliseconds,
  headTimeoutDefaultMilliseconds,
  idleTimeoutDefaultMilliseconds,
  keepAliveTimeoutDefaultMilliseconds,
  lifetimeDefaultMilliseconds,
  messageTimeoutDefaultMilliseconds,
  rateGraceDefaultMilliseconds,
  timerStepMaxMilliseconds,
  timerStepShare,
  writeStallTimeoutDefaultMilliseconds,
} from "../../base/limits.ts";
import { bytesPerSecond, inGroup, milliseconds, type OptionRow, row } from "../../base/option_kinds.ts";
import { checkOptions, type OptionSchema } from "../../base/options.ts";
import type { ConnectionTimeoutOptions, RateOptions, TimeoutKind } from "./types.ts";
import { TimedPhase, Word } from "./words.ts";

const delay = milliseconds(0, TIMER_DELAY_MAX_MS);
const rate = bytesPerSecond(0, bufferLimitMaxBytes);

/** One limit. Its option row has the default of a server; without one, a connection has no limits. */
interface TimeLimit {
  readonly option: OptionRow;
  /** What the connection was doing, for the error. */
  readonly operation: "receive" | "send" | "connection";
  /** The error in words. `grace` is the option `rateGrace`. */
  readonly text: (limit: number, grace: number) => string;
  /** The connection owes nothing then: what is buffered still goes out. Without it, it is aborted. */
  readonly gentle?: true;
  /** Reaching it is the peer's fault, and counts against its address. */
  readonly offence?: true;
  /** The word of the connection that the time counts from. */
  readonly from: number;
  /** It counts only while the protocol is in this phase. */
  readonly phase?: TimedPhase;
}

const timeouts = {
  firstByte: {
    option: row(
      delay,
      firstByteTimeoutDefaultMilliseconds,
      "from the opening of a connection to its first byte",
      "a lost packet is sent again several times within it",
    ),
    operation: "receive",
    text: (limit) => `no byte arrived within ${limit} ms of opening`,
    gentle: true,
    offence: true,
    from: Word.received,
  },
  message: {
    option: row(
      delay,
      messageTimeoutDefaultMilliseconds,
      "from the first byte of a message to its last",
      "a slow phone finishes, a slow attack does not last",
    ),
    operation: "receive",
    text: (limit) => `a message was not complete within ${limit} ms`,
    offence: true,
    from: Word.message,
  },
  writeStall: {
    option: row(
      delay,
      writeStallTimeoutDefaultMilliseconds,
      "the peer accepts none of the buffered bytes",
      "a reader that stops for a minute does not come back",
    ),
    operation: "send",
    text: (limit) => `the peer took no byte for ${limit} ms`,
    offence: true,
    from: Word.stallAt,
  },
  idle: {
    option: row(
      delay,
      idleTimeoutDefaultMilliseconds,
      "nothing is received, written or buffered",
      "above the 60 s of common load balancers, so that they close first",
    ),
    operation: "connection",
    text: (limit) => `nothing happened for ${limit} ms`,
    gentle: true,
    from: Word.active,
  },
  head: {
    option: row(
      delay,
      headTimeoutDefaultMilliseconds,
      "from the first byte of a request's head to its last",
      "a head is sent at once; one byte a minute is an attack",
    ),
    operation: "receive",
    text: (limit) => `the head of a request was not complete within ${limit} ms`,
    offence: true,
    from: Word.phaseAt,
    phase: TimedPhase.head,
  },
  body: {
    option: row(
      delay,
      bodyTimeoutDefaultMilliseconds,
      "no byte of a request's body arrives",
      "a slow upload continues, one that has stopped does not",
    ),
    operation: "receive",
    text: (limit) => `no byte of a request's body arrived for ${limit} ms`,
    offence: true,
    from: Word.phaseAt,
    phase: TimedPhase.body,
  },
  handler: {
    option: row(
      delay,
      handlerTimeoutDefaultMilliseconds,
      "from the call of a request's handler to the beginning of its answer",
      "a handler that waits for five minutes has lost its client",
    ),
    operation: "connection",
    text: (limit) => `a request was not answered within ${limit} ms`,
    gentle: true,
    from: Word.phaseAt,
    phase: TimedPhase.handler,
  },
  keepAlive: {
    option: row(
      delay,
      keepAliveTimeoutDefaultMilliseconds,
      "from the end of an answer to the next request",
      "above the 60 s of common load balancers, so that they close first",
    ),
    operation: "connection",
    text: (limit) => `no further request came for ${limit} ms`,
    gentle: true,
    from: Word.phaseAt,
    phase: TimedPhase.keepAlive,
  },
  lifetime: {
    option: row(
      delay,
      lifetimeDefaultMilliseconds,
      "from the opening of a connection, whatever happens",
      "long connections are normal",
    ),
    operation: "connection",
    text: (limit) => `open for ${limit} ms`,
    gentle: true,
    from: Word.opened,
  },
} satisfies Record<keyof ConnectionTimeoutOptions, TimeLimit>;

const rates = {
  receiveRate: {
    option: row(
      rate,
      0,
      "bytes a second that a peer must send during a message",
      "the message timeout bounds protocols that have messages",
    ),
    operation: "receive",
    text: (limit, grace) => `a message arrived with less than ${limit} bytes per second over ${grace} ms`,
    offence: true,
    // Rates have words of their own; a check of a rate is not a sign of life, so this one is spare.
    from: Word.spare,
  },
  sendRate: {
    option: row(
      rate,
      0,
      "bytes a second that a peer must take while bytes are buffered",
      "the write stall timeout bounds peers that take nothing",
    ),
    operation: "send",
    text: (limit, grace) => `the peer took less than ${limit} bytes per second over ${grace} ms`,
    offence: true,
    from: Word.spare,
  },
} satisfies Record<Exclude<keyof RateOptions, "rateGrace">, TimeLimit>;

/** Every limit by its kind. */
export const limitTable: Readonly<Record<TimeoutKind, TimeLimit>> = { ...timeouts, ...rates };

const kinds = Object.keys(limitTable) as TimeoutKind[];
/** The kinds that count in a phase of the protocol. */
export const phaseKinds: readonly TimeoutKind[] = kinds.filter((kind) =>
  limitTable[kind].phase !== undefined
);
const timeoutKinds = Object.keys(timeouts) as (keyof typeof timeouts)[];

function optionsOf<Kind extends string>(limits: Readonly<Record<Kind, TimeLimit>>): Record<Kind, OptionRow> {
  const entries = Object.entries<TimeLimit>(limits).map(([kind, { option }]) => [kind, option]);
  return Object.fromEntries(entries) as Record<Kind, OptionRow>;
}

const timeoutOptions = optionsOf(timeouts);
const rateOptions = {
  ...optionsOf(rates),
  rateGrace: row(
    milliseconds(1, TIMER_DELAY_MAX_MS),
    rateGraceDefaultMilliseconds,
    "time over which each rate is measured",
    "slow start and a lost packet pass within it",
  ),
};

/** The rows of `timeouts` of a connection. */
export const timeoutRows = inGroup("timeouts", timeoutOptions);

/** The row of `timeouts.connect`. */
export const connectTimeoutRows = inGroup("timeouts", {
  connect: row(
    delay,
    connectTimeoutDefaultMilliseconds,
    "from the call of connect until the connection is established",
    "between the systems' own 21 and 127 s",
  ),
});

/** The rows of the rates in `limits`. */
export const rateRows = inGroup("limits", rateOptions);

/** The code of the error of a limit. */
export function timeoutCode(kind: TimeoutKind): string {
  return `ERR_TIMEOUT_${kind.replace(/[A-Z]/g, "_$&").toUpperCase()}`;
}

/** The path of the option of a limit. */
export function timeoutOption(kind: TimeoutKind): string {
  return `${Object.hasOwn(timeouts, kind) ? "timeouts" : "limits"}.${kind}`;
}

/** The limits of one connection or of all connections of a configuration. 0 is none. */
export interface Limits extends Readonly<Record<TimeoutKind, number>> {
  readonly rateGrace: number;
  /** Milliseconds the timer's end is rounded up to; a power of two. */
  readonly step: number;
}

const none = limitsOf({});

/** The limits that `given` sets on top of `before`. What `given` leaves out or has undefined stays. */
export function limitsOf(given: ConnectionTimeoutOptions & RateOptions, before?: Limits): Limits {
  const limits = {} as Record<TimeoutKind, number>;
  for (const kind of kinds) limits[kind] = given[kind] ?? before?.[kind] ?? 0;
  const rateGrace = given.rateGrace ?? before?.rateGrace ?? rateGraceDefaultMilliseconds;
  return { ...limits, rateGrace, step: stepOf(limits, rateGrace) };
}

/** The limits of a configuration. Most have none, and share one object. */
export function configuredLimits(
  { timeouts, limits }: { timeouts?: ConnectionTimeoutOptions; limits?: RateOptions },
): Limits {
  return timeouts === undefined && limits === undefined ? none : limitsOf({ ...timeouts, ...limits });
}

/** Whether any limit is set. */
export function isLimited(limits: Limits): boolean {
  return kinds.some((kind) => limits[kind] > 0);
}

/** Whether a rate is among them. */
export function isRated(limits: Readonly<Record<TimeoutKind, number>>): boolean {
  return limits.receiveRate > 0 || limits.sendRate > 0;
}

function stepOf(limits: Readonly<Record<TimeoutKind, number>>, rateGrace: number): number {
  const lengths = timeoutKinds.map((kind) => limits[kind]).filter((length) => length > 0);
  if (isRated(limits)) lengths.push(rateGrace);
  const wanted = Math.min(...lengths) / timerStepShare;
  let step = 1;
  while (step * 2 <= wanted && step < timerStepMaxMilliseconds) step *= 2;
  return step;
}

const setTimeoutsSchema: OptionSchema = timeoutOptions;
const setLimitsSchema: OptionSchema = rateOptions;

/** Checks what `setTimeouts` is given; throws an OptionError. */
export function checkSetTimeouts(timeouts: unknown, limits: unknown): void {
  checkOptions("setTimeouts", timeouts, setTimeoutsSchema);
  checkOptions("setTimeouts", limits, setLimitsSchema);
}
