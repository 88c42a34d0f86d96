/**
 * The numbers that the native library keeps of a loop.
 *
 * @module
 */

/** Counters of the native library since the loop was opened. */
export interface NativeCounters {
  /** Calls into the library. */
  polls: number;
  /** Those of them that waited for an event. */
  waits: number;
  /** Completions read. */
  completions: number;
  /** Submissions taken. */
  submissions: number;
  /** Submissions refused because they were malformed or named nothing. */
  submissionsInvalid: number;
  /** Connections accepted. */
  connectionsAccepted: number;
  /** Connections taken over as descriptors. */
  connectionsAdopted: number;
  /** Connections made by `connect`. */
  connectionsConnected: number;
  /** Connections ended by both sides. */
  connectionsClosed: number;
  /** Connections ended in any other way. */
  connectionsAborted: number;
  /** Accepted connections that ended. */
  connectionsEndedServer: number;
  /** Connections of `connect` that ended. */
  connectionsEndedClient: number;
  /** Bytes received. */
  bytesReceived: number;
  /** Bytes received on accepted connections. */
  bytesReceivedServer: number;
  /** Bytes received on connections of `connect`. */
  bytesReceivedClient: number;
  /** Bytes sent. */
  bytesSent: number;
  /** Bytes sent on accepted connections. */
  bytesSentServer: number;
  /** Bytes sent on connections of `connect`. */
  bytesSentClient: number;
  /** Receives that brought bytes. */
  receives: number;
  /** Receives on accepted connections. */
  receivesServer: number;
  /** Receives on connections of `connect`. */
  receivesClient: number;
  /** Sends. */
  sends: number;
  /** Sends on accepted connections. */
  sendsServer: number;
  /** Sends on connections of `connect`. */
  sendsClient: number;
  /** Sends of which the kernel took only a part at first. */
  sendsPartial: number;
  /** Accepts that failed. */
  acceptErrors: number;
  /** Times accepting stopped because the process or the system had no file descriptor left. */
  acceptDescriptorsExhausted: number;
  /** Times accepting stopped because no connection slot was free. */
  acceptSlotsExhausted: number;
  /** Times reading stopped because no segment was free. */
  segmentsExhausted: number;
  /** Times reading stopped because the completion ring was full. */
  completionRingFull: number;
  /** Times a turn ended with work left, which the next turn did. */
  budgetsExhausted: number;
  /** Events for sockets that were already gone. */
  eventsStale: number;
  /** Descriptors the loop closed because it could not adopt them or nobody took them. */
  descriptorsDiscarded: number;
  /** Files, or parts of files, that the kernel has taken whole. Their bytes count as bytes sent. */
  filesSent: number;
  /** Timers that fired. */
  timersFired: number;
  /** Wake-ups by other threads. */
  wakes: number;
  /** Datagrams received. */
  datagramsReceived: number;
  /** Datagrams sent. */
  datagramsSent: number;
  /** Received datagrams that were longer than `datagramSize`. */
  datagramsTruncated: number;
  /** Errors that the network reported (ICMP) at a receive or a send of datagrams. */
  datagramNetworkErrors: number;
  /** Datagrams the system refused to send. */
  datagramsRefused: number;
  /** Calls that received one datagram or more. */
  datagramReceiveBatches: number;
  /** Calls that sent one datagram or more. */
  datagramSendBatches: number;
  /** Times sending datagrams stopped until the kernel had space. */
  datagramSendsBlocked: number;
  /** Ticks of the processor's counter spent in turns that had work; see `ticksPerMillisecond`. */
  busyTicks: number;
}

/** Numbers of the native library as they are now, and the highest there were. */
export interface NativeGauges {
  /** Segments that hold data now. */
  segmentsHeld: number;
  /** Slots in use by connections and listeners now. */
  slotsUsed: number;
  /** Sockets with something to receive or accept that the last poll did not reach. */
  readyNow: number;
  /** The most submissions that have waited. */
  submissionsHighWater: number;
  /** The most completions that have waited. */
  completionsHighWater: number;
  /** The most segments that have held data. */
  segmentsHighWater: number;
  /** The most entries of send queues that were in use. */
  sendEntriesHighWater: number;
  /** Ticks of the processor's counter in a millisecond, measured; 0 before the first measurement. */
  ticksPerMillisecond: number;
}

/** A histogram: how many turns were shorter than each limit and not shorter than the one before. */
export interface TurnLengths {
  /**
   * Milliseconds, each twice the one before; the last is Infinity. All are, before the rate of the
   * processor's counter is known: it takes a poll some milliseconds after the loop was opened.
   */
  limits: number[];
  /** Turns below each limit. */
  counts: number[];
}

/** All that the native library knows of a loop. */
export interface NativeStatistics extends NativeCounters, NativeGauges {
  /** Segments of the loop. */
  segments: number;
  /** Records of the submission ring. */
  submissionRecords: number;
  /** Records of the completion ring. */
  completionRecords: number;
  /** Entries of all send queues. */
  sendEntries: number;
  /** Slots for connections and listeners. */
  slots: number;
  /** Milliseconds of the loop's clock when its last poll ended. */
  now: number;
  /** A poll has had work and no other has ended since: handlers are running, or their thread is stuck. */
  inTurn: boolean;
  /** Turns by length. */
  turns: TurnLengths;
}
