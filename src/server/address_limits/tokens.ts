/**
 * A token bucket in one word of shared memory: the moment at which the bucket is full again. Taking a token
 * moves it on by the time one takes to grow; when it is further away than the burst allows, there is none
 * left (the generic cell rate algorithm, ITU-T I.371 annex A). One word changes by one compare and exchange,
 * so that no token is given twice.
 *
 * @module
 */

/** Rate and burst as the words count them. */
export interface BucketRate {
  /** Ticks of one millisecond: finer where the rate allows. */
  ticksPerMillisecond: number;
  /** Ticks in which one token grows, 0 for no limit. */
  interval: number;
  /** Ticks the moment may lie ahead for a token to be left. */
  tolerance: number;
}

const millisecondsPerSecond = 1000;
/** The finest tick: at a hundred tokens a millisecond the rate is still right to 3 per cent. */
const ticksPerMillisecondMax = 1024;
/** A full burst takes at most an eighth of the circle the ticks run in, so that ahead and behind differ. */
const ticksMax = 2 ** 29;

/** Translates a rate per second and a burst. */
export function bucketRate(perSecond: number, burst: number): BucketRate {
  if (perSecond === 0) return { ticksPerMillisecond: 1, interval: 0, tolerance: 0 };
  const interval = millisecondsPerSecond / perSecond;
  let ticks = ticksPerMillisecondMax;
  while (ticks > 1 && (burst + 1) * interval * ticks > ticksMax) ticks /= 2;
  const whole = Math.max(1, Math.round(interval * ticks));
  return { ticksPerMillisecond: ticks, interval: whole, tolerance: Math.min((burst - 1) * whole, ticksMax) };
}

/** Takes a token from the bucket at `at`; false when there is none. */
export function takeToken(words: Int32Array, at: number, now: number, rate: BucketRate): boolean {
  const present = Math.imul(now, rate.ticksPerMillisecond);
  for (;;) {
    const full = Atomics.load(words, at);
    const ahead = full === 0 ? 0 : Math.max(0, (full - present) | 0);
    if (ahead > rate.tolerance) return false;
    // Zero stands for a full bucket.
    const next = (present + ahead + rate.interval) | 0 || 1;
    if (Atomics.compareExchange(words, at, full, next) === full) return true;
  }
}

/** Whether a bucket is full, so that nothing is lost when it is forgotten. */
export function isFull(word: number, now: number, rate: BucketRate): boolean {
  return word === 0 || ((word - Math.imul(now, rate.ticksPerMillisecond)) | 0) <= 0;
}
