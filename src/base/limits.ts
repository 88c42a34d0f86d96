/**
 * Limits and defaults of the TypeScript half, each with its unit and reason.
 *
 * @module
 */

/**
 * Bytes buffered for one connection above which `write` answers "queued": the longest receive, so that one
 * that is sent back at once is not called slow.
 */
export const highWaterMarkDefaultBytes = 128 * 1024;

/** Bytes buffered at or under which `drain` is called: far enough below the high mark not to flap. */
export const lowWaterMarkDefaultBytes = 16 * 1024;

/**
 * Bytes buffered for one connection above which `write` refuses: one slow reader must not fill the memory.
 */
export const bufferLimitDefaultBytes = 16 * 1024 * 1024;

/** Bytes a limit of one connection may be at most: they are counted in 32 bits. */
export const bufferLimitMaxBytes = 0x7fff_ffff;

/**
 * Milliseconds a server waits for the first byte of a connection: a handshake over a bad mobile network takes
 * some seconds, and a client that is silent for longer only occupies a slot.
 */
export const firstByteTimeoutDefaultMilliseconds = 30_000;

/** Milliseconds a server gives a message from its first byte to its end: the minute Node gives a head. */
export const messageTimeoutDefaultMilliseconds = 60_000;

/** Milliseconds a server lets the kernel take nothing of what is buffered: nginx's `send_timeout`. */
export const writeStallTimeoutDefaultMilliseconds = 60_000;

/**
 * Milliseconds a server keeps a connection on which nothing happens: above the 60 s of common balancers, so
 * that they end it first and never send into one that is just being closed.
 */
export const idleTimeoutDefaultMilliseconds = 75_000;

/** Milliseconds a server gives a client for the head of a request: as long as for its first byte. */
export const headTimeoutDefaultMilliseconds = 30_000;

/** Milliseconds without a byte of a request's body: nginx's `client_body_timeout`. */
export const bodyTimeoutDefaultMilliseconds = 60_000;

/** Milliseconds until an answer begins: what takes longer is better streamed, or asked for again. */
export const handlerTimeoutDefaultMilliseconds = 300_000;

/** Milliseconds a server waits for the next request of a connection: above the 60 s of common balancers. */
export const keepAliveTimeoutDefaultMilliseconds = 75_000;

/** Milliseconds a connection may live at all; 0, no limit: streams last for hours. */
export const lifetimeDefaultMilliseconds = 0;

/**
 * Milliseconds a transfer is watched before each judgement of its rate: TCP's slow start, a packet lost and
 * sent again after some seconds, and a tunnel's gap pass within it.
 */
export const rateGraceDefaultMilliseconds = 10_000;

/** Part of the shortest limit that a connection's timer may be late by, so that timers can be grouped. */
export const timerStepShare = 32;

/** Milliseconds timers are put together at most: an idle minute may end half a second late. */
export const timerStepMaxMilliseconds = 512;

/** Checks of a write's progress within the time it may stall: they set the precision of that limit. */
export const stallLooks = 4;

/** Checks of a paused connection within a stopped limit: they set its precision after `resume`. */
export const pausedLooks = 4;

/**
 * Milliseconds a timer is late beyond its step when the thread must have been held up: what peers sent
 * meanwhile may still lie in the kernel.
 */
export const heldUpMilliseconds = 20;

/**
 * Milliseconds a limit is put off, once, when the thread was held up: time to receive what 200,000 peers have
 * sent, at the microseconds a message takes.
 */
export const heldUpGraceMilliseconds = 1_000;

/** Milliseconds `end` and `close` wait for a sign of life of the peer before they abort. */
export const lingerTimeoutDefaultMilliseconds = 5_000;

/**
 * Milliseconds a connect may take: between the 21 s and 127 s of the systems' own, and short of a user's
 * patience.
 */
export const connectTimeoutDefaultMilliseconds = 30_000;

/**
 * Milliseconds after which the next address of a name is tried while the one before has not answered: what
 * RFC 8305 (section 8) recommends, as a reachable server answers sooner almost everywhere.
 */
export const connectionAttemptDelayMilliseconds = 250;

/** Attempts of a `connect` that retries, the first one included. */
export const connectAttemptsDefault = 5;

/** Attempts of a `connect` that retries at most: with the longest delays they take years. */
export const connectAttemptsMax = 1_000_000;

/** Milliseconds before the first retry of a `connect`: a service that restarts needs some of these. */
export const retryDelayDefaultMilliseconds = 100;

/** Milliseconds between two retries of a `connect` at most: the default timeout has room for several. */
export const retryDelayMaxDefaultMilliseconds = 5_000;

/** How much longer each delay between retries is than the one before. */
export const retryFactorDefault = 2;

/**
 * Part of a delay between retries that is left to chance: half of it spreads clients that failed together,
 * and still leaves a restarting server at least the other half.
 */
export const retryJitterDefault = 0.5;

/**
 * Milliseconds between two attempts to connect to a Unix socket whose queue is full, at most: they double
 * from 1.
 */
export const backlogFullDelayMaxMilliseconds = 64;

/**
 * Part of the segments one connection may have on their way to the kernel: sixteen slow readers fill half.
 */
export const inFlightShare = 32;

/** Part of the segments that peers who do not read may pin before all get but one segment at a time. */
export const pinnedShare = 0.5;

/** Part of the segments that may be submitted in a turn in any case, so that peers that read continue. */
export const segmentBudgetShareMin = 8;

/** Segments a connection may have in flight when the ring is more than half held: one full receive. */
export const inFlightSegmentsMin = 32;

/**
 * Part of a segment up to which a window is copied when segments are scarce: a peer that does not read then
 * pins its bytes and not a segment for each message.
 */
export const crowdedCopyShare = 4;

/**
 * Bytes of a window up to which it is copied together with what is put around it: a send of three parts costs
 * more than such a copy.
 */
export const pieceCopyMaxBytes = 512;

/** Part of the submission ring kept free of sends, so that closes and timers always find a record. */
export const submissionReserveShare = 4;

/** Connections accepted and not yet taken by `for await` before the listener pauses. */
export const acceptedQueueMax = 1024;

/** Bytes of one chunk of the outbox. */
export const outboxChunkBytes = 64 * 1024;

/** Free chunks of outboxes that a thread keeps, 4 MiB: enough for some long answers on their way. */
export const outboxSpareChunksMax = 64;

/** Bytes the readable stream of a connection takes in ahead of its reader. */
export const readableHighWaterMarkBytes = 64 * 1024;

/**
 * Pooled connections to one destination: what browsers and proxies hold to one host lies between 6 and 32.
 */
export const poolConnectionsPerHostDefault = 16;

/** Pooled connections to all destinations together: a part of the 1,024 descriptors of a usual process. */
export const poolConnectionsDefault = 256;

/**
 * Milliseconds an idle connection stays in a pool: below the 5 s after which Node and Apache, the
 * impatient ones among usual peers, end theirs, so that it is this side that ends it and no request meets
 * a peer's FIN.
 */
export const poolIdleTimeoutDefaultMilliseconds = 4_000;

/** Milliseconds an acquire may take: as long as a connect by itself. */
export const poolAcquireTimeoutDefaultMilliseconds = 30_000;

/** Milliseconds one connect of a pool may take: so that an acquire outlives one that got no answer. */
export const poolConnectTimeoutDefaultMilliseconds = 10_000;

/**
 * Acquires that wait for a place: more of them means that the destination is overloaded, and waiting no
 * help.
 */
export const poolWaitingMaxDefault = 1024;

/** Milliseconds `close` of a pool waits for leases before it aborts them. */
export const poolCloseTimeoutDefaultMilliseconds = 5_000;

/** Milliseconds of the first back-off from a destination that failed; each further one is twice as long. */
export const poolBackOffDefaultMilliseconds = 1_000;

/** Doublings of a pool's back-off: 32 times the first one at most. */
export const poolBackOffDoublingsMax = 5;

/**
 * Part of the idle timeout by which an idle connection may outstay it: the highest number of sweeps that
 * see it.
 */
export const poolSweepShare = 16;

/**
 * Milliseconds idle after which a connection is handed out only after a poll: the peer's FIN may have come
 * while this thread was busy elsewhere.
 */
export const poolCheckAfterMilliseconds = 500;

/**
 * Milliseconds until the head of an answer: what proxies allow their servers (nginx, HAProxy), so that a slow
 * query is answered and a server that hangs is given up before a person does.
 */
export const clientHeadTimeoutDefaultMilliseconds = 60_000;

/** Milliseconds an answer's body may stand still: as long as its head may take. */
export const clientBodyTimeoutDefaultMilliseconds = 60_000;

/** Milliseconds a body with `expectContinue` waits for 100 before it is sent without: as curl does. */
export const clientContinueMilliseconds = 1_000;

/** Bytes of an answer's head: twice what a request may have, since servers set large cookies. */
export const clientHeadBytesDefault = 32 * 1024;

/** Fields of an answer's head, and of its trailers. */
export const clientFieldsDefault = 128;

/** Bytes of the trailers of an answer, and of all chunk extensions of its body. */
export const clientTrailerBytesDefault = 8 * 1024;

/** Interim answers (1xx) before the final one: a server that sends more keeps a client waiting on purpose. */
export const clientInterimMax = 8;

/** Bytes of a body that wait for their reader before the peer has to wait: a window of the largest kind. */
export const clientBodyQueueBytes = 64 * 1024;

/** Bytes of a discarded body that are read so that its connection can be used again: 1 ms of a fast line. */
export const clientDiscardBytesMax = 128 * 1024;

/** Bytes of a request's body written at once: what one gathered call of the library takes. */
export const clientWriteBytes = 64 * 1024;

/** Redirects `fetch` follows: the number of the Fetch standard. */
export const clientFetchRedirectsMax = 20;

/** Redirects at most by option: more than any chain that ends. */
export const clientRedirectsMax = 100;

/** Bytes of a window that are copied behind the beginning of a head, until it is whole: most heads fit. */
export const clientJoinBytes = 4 * 1024;

/** Origins a client remembers, so that most addresses need not be parsed. */
export const clientOriginsMax = 256;

/**
 * Addresses the table of a server holds at once: as many as have connections, a ban or a bucket that fills. A
 * quarter of the connections a worker has room for; with 8 workers it takes 2 MB.
 */
export const addressEntriesDefault = 16_384;

/** Addresses a table may hold: 90 MB with 64 workers. */
export const addressEntriesMax = 1 << 18;

/** Workers that may share a table: each has a counter in each entry. */
export const addressWorkersMax = 64;

/** Networks that may be banned at once: the whole list is gone through at each accept. */
export const bannedNetworksMax = 256;

/** Milliseconds a ban may last: half of what 32 bits count, 24 days. */
export const banTimeMaxMilliseconds = 0x7fff_ffff;

/** Milliseconds a ban lasts: long for a program, short for people. */
export const banTimeDefaultMilliseconds = 60_000;

/** Offences that lead to a ban: a client behind a bad line offends once or twice. */
export const banAfterDefault = 10;

/** Milliseconds within which the offences must come. */
export const banWindowDefaultMilliseconds = 60_000;

/**
 * Bytes of a PROXY header of version 2 at most: the specification's own example of what must fit is 536, and
 * certificates in its extensions take a kilobyte or two.
 */
export const proxyHeaderMaxBytes = 4096;

/**
 * Milliseconds a trusted source has for its PROXY header: it is sent first and at once, so that only a lost
 * packet and its repetition may lie in between (the specification asks for at least 3 seconds).
 */
export const proxyTimeoutDefaultMilliseconds = 5_000;

/** Part of a limit of tasks or memory to fall to before accepting continues, so that it does not flap. */
export const pressureReliefShare = 0.75;

/** Milliseconds between two looks whether a limit is undershot again, where no turn of the loop shows it. */
export const pressureCheckMilliseconds = 50;

/**
 * Descriptors a process needs beside its connections: standard streams, the runtime's own queues and files,
 * modules being loaded, name resolution. A bare runtime has 20 to 30 open.
 */
export const descriptorReserve = 128;

/** Descriptors a worker needs: its queue and bell, the runtime's for the thread, its listeners. */
export const descriptorsPerWorker = 32;

/**
 * Descriptors the server's process needs for a worker in another process: channel, lane, gauges, the
 * runtime's.
 */
export const descriptorsPerProcess = 8;

/** Channels of processes that have not said who they are: a process says so at once, and 64 workers start. */
export const unidentifiedChannelsMax = 16;

/** Milliseconds a process has to say who it is: it does so at once, but may be held up. */
export const greetingTimeoutMilliseconds = 5_000;

/**
 * Bytes a framed message may have where nothing else is said: one receive takes in as much, and a mail server
 * must take at least this (RFC 5321, section 4.5.3.1.7).
 */
export const messageDefaultMaxBytes = 64 * 1024;

/**
 * Requests of one connection that may be in work at once: as many completions as one turn hands over, so that
 * one client cannot fill more than a turn.
 */
export const pipelineDefaultMax = 64;

/**
 * Part of the segments that windows of the application's own may take: what is left receives, and half of the
 * ring may be pinned before small writes share segments.
 */
export const ownWindowsShare = 4;

/** Part of the segments that messages which have not come whole may hold, over all connections. */
export const joinHeldShare = 8;

/** Bytes of the smallest buffer a message is joined in; it doubles as bytes come. */
export const joinBufferMinBytes = 256;

/** Datagrams received and not yet taken by `for await` before the socket pauses. */
export const datagramQueueMax = 1024;

/** Addresses in text whose bytes a datagram socket remembers: one peer is usually sent to many times. */
export const parsedAddressesMax = 256;

/** Polls until a request must have been answered: the library answers in the poll that takes it. */
export const askPollsMax = 64;

/** Statuses whose failures are counted apart: those of the library, with room for those to come. */
export const statusesMax = 64;

/**
 * Bytes of log lines that wait for their reader at most: some seconds of a busy log, and little beside a
 * loop's segments.
 */
export const logBufferMaxBytes = 1024 * 1024;

/** Bytes of log lines in one write: what a pipe holds. */
export const logWriteMaxBytes = 64 * 1024;

/** Milliseconds for the last lines of a log to be read when a server ends: the reader is on this machine. */
export const logFlushMilliseconds = 1_000;

/** Promises of a log function that may be unsettled at once: some seconds of a busy log. */
export const logPromisesMax = 1024;

/** Milliseconds between two tellings of what repeats: a flood is one line a second. */
export const repeatIntervalMilliseconds = 1_000;

/** Different values that may repeat at once: more than a server has kinds of trouble. */
export const repeatKeysMax = 64;

/** Milliseconds between two reports of exceptions that escape into a loop: one a second fills no disk. */
export const reportIntervalMilliseconds = 1_000;

/**
 * Milliseconds between two looks of a loop whose doorbell cannot be armed: late enough to cost little, soon
 * enough not to look like a hang.
 */
export const lookIntervalMilliseconds = 10;

/** Bytes of one message between workers: it fits into a frame of the way to a worker's process, in base64. */
export const workerMessageMaxBytes: number = 256 * 1024;

/** Bytes of messages on their way to one worker, or from it: sixteen of the longest. */
export const workerMessagesWaitingMaxBytes: number = 16 * workerMessageMaxBytes;

/** Messages on their way to one worker, or from it: short ones cost more than their bytes. */
export const workerMessagesWaitingMax = 4_096;

/** Bytes of an HTTP head at most: offsets in it have 16 bits. */
export const httpHeadMaxBytes = 65_535;

/** Bytes of an HTTP head where nothing else is said: twice what browsers send with many cookies. */
export const httpHeadDefaultMaxBytes: number = 16 * 1024;

/** Bytes of a request target where nothing else is said: what RFC 9112, section 3 asks for. */
export const httpTargetDefaultMaxBytes: number = 8 * 1024;

/** Fields of an HTTP head at most, so that several heads find room in the parser's records. */
export const httpFieldsMax = 2_048;

/** Fields of an HTTP head where nothing else is said: browsers behind proxies send fewer than half. */
export const httpFieldsDefaultMax = 100;

/** Bytes of a request's body where nothing else is said: photos and documents fit. */
export const httpBodyDefaultMaxBytes: number = 16 * 1024 * 1024;

/** Bytes of all chunk extensions of a body where nothing else is said: almost nobody sends any. */
export const httpChunkExtensionDefaultMaxBytes: number = 4 * 1024;

/** Bytes of a body's trailers where nothing else is said: checksums and signatures fit. */
export const httpTrailerDefaultMaxBytes: number = 8 * 1024;

/** Bytes of an unread body that are discarded to keep a connection: they cost less than a new one. */
export const httpUnreadBodyDefaultMaxBytes: number = 64 * 1024;

/** Bytes in which the answers of one received window are gathered: sixteen segments. */
export const httpOutputBytes: number = 64 * 1024;

/** Bytes of a body up to which it is copied behind its head; larger ones are written apart. */
export const httpGatheredBodyMaxBytes: number = 16 * 1024;

/** Request objects a server keeps for reuse on each loop: as many as one turn hands over. */
export const httpSparesMax = 64;
