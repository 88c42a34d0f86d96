/**
 * What one `http` table keeps for each loop it serves on.
 *
 * @module
 */
import type { Engine } from "../loop/engine.ts";
import { type HttpCounts, httpCountsOf } from "./counts.ts";
import { DateField } from "./date.ts";
import { AnswerBuffer } from "./answer_buffer.ts";
import { Http1Parser } from "./parser.ts";
import { HeadWriter } from "./templates.ts";

/** Has bytes that wait for the end of the turn. */
interface Corked {
  flushCork(): void;
}

/** The parser, the gathered bytes and the heads of one loop. */
export class ServingLoop {
  readonly engine: Engine;
  readonly parser: Http1Parser;
  readonly output: AnswerBuffer;
  readonly date = new DateField();
  readonly heads: HeadWriter;
  readonly counts: HttpCounts;
  /** Those of `counts`, one load nearer. */
  readonly numbers: Float64Array;
  /** The engine's turn in which it has looked at the clock. */
  turn = -1;
  #corked: Corked[] = [];

  constructor(
    engine: Engine,
    hasDate: boolean,
    sink: ConstructorParameters<typeof AnswerBuffer>[1],
  ) {
    this.engine = engine;
    this.parser = Http1Parser.of(engine);
    this.output = new AnswerBuffer(engine.segments, sink);
    this.heads = new HeadWriter(this.date, hasDate);
    this.counts = httpCountsOf(engine);
    this.numbers = this.counts.numbers;
  }

  /** Looks at the clock, which stands still for the rest of the turn. */
  beginTurn(): void {
    this.turn = this.engine.turn;
    this.date.refresh(this.engine.now);
  }

  /** Calls `flushCork` right before the next poll. */
  cork(corked: Corked): void {
    if (this.#corked.length === 0) this.engine.flushBeforePoll(this);
    this.#corked.push(corked);
  }

  /** A turn is about to end. */
  flush(): void {
    const corked = this.#corked;
    this.#corked = [];
    for (const each of corked) each.flushCork();
  }
}
