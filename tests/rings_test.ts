/** The rings as TypeScript sees them, with the other side played by hand. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CompletionRing } from "../ffi/completion_ring.ts";
import * as layout from "../ffi/layout.gen.ts";
import { SubmissionRing } from "../ffi/submission_ring.ts";
import { LISTENERS_MAX } from "../src/base/layout.ts";
import { HandOverQueue, handOverQueueEntries } from "../src/worker/accepting/hand_over_queue.ts";
import { Random } from "./helpers/random.ts";

const RECORDS = 8;

function rings(start = 0) {
  const header = new Int32Array(new SharedArrayBuffer(layout.HEADER_SIZE));
  const words = new Int32Array(new SharedArrayBuffer(RECORDS * layout.RECORD_SIZE));
  header[layout.HEADER_SUBMISSION_HEAD] = header[layout.HEADER_SUBMISSION_TAIL] = start;
  header[layout.HEADER_COMPLETION_HEAD] = header[layout.HEADER_COMPLETION_TAIL] = start;
  return {
    header,
    words,
    submissions: new SubmissionRing(header, words),
    completions: new CompletionRing(header, words),
  };
}

/** The eight words of the record at a free-running position. */
function recordAt(words: Int32Array, position: number): number[] {
  const at = (position & (RECORDS - 1)) * layout.RECORD_WORDS;
  return Array.from(words.subarray(at, at + layout.RECORD_WORDS), (word) => word >>> 0);
}

describe("the submission ring", () => {
  it("writes each field where the library reads it", () => {
    const { submissions, words, header } = rings();
    expect(submissions.push(layout.Operation.timer, 0xfedc_ba98, 2, 3, 4, 0xffff_ffff, 0x8000_0000, 1)).toBe(
      true,
    );
    const bytes = new DataView(words.buffer);
    expect(bytes.getUint8(layout.RECORD_OPERATION_BYTE)).toBe(layout.Operation.timer);
    expect(bytes.getUint8(layout.RECORD_FLAGS_BYTE)).toBe(1);
    expect(bytes.getUint16(layout.RECORD_STATUS_BYTE, true)).toBe(0);
    expect(bytes.getUint32(layout.RECORD_ID_BYTE, true)).toBe(0xfedc_ba98);
    expect(bytes.getUint32(layout.RECORD_SEGMENT_BYTE, true)).toBe(2);
    expect(bytes.getUint32(layout.RECORD_OFFSET_BYTE, true)).toBe(3);
    expect(bytes.getUint32(layout.RECORD_LENGTH_BYTE, true)).toBe(4);
    expect(bytes.getUint32(layout.RECORD_TAG_BYTE, true)).toBe(0xffff_ffff);
    expect(bytes.getUint32(layout.RECORD_ARGUMENT_BYTE, true)).toBe(0x8000_0000);
    expect(header[layout.HEADER_SUBMISSION_TAIL]).toBe(1);
  });

  it("refuses when full and takes again what has become free", () => {
    const { submissions, header, words } = rings();
    for (let count = 0; count < RECORDS; count++) {
      expect(submissions.space).toBe(RECORDS - count);
      expect(submissions.send(count, count, 0, 1, 0)).toBe(true);
    }
    const before = Array.from(words);
    expect(submissions.send(99, 0, 0, 1, 0)).toBe(false);
    expect(Array.from(words)).toEqual(before);
    expect(submissions.space).toBe(0);
    expect(submissions.pending).toBe(RECORDS);
    header[layout.HEADER_SUBMISSION_HEAD] = 1;
    expect(submissions.space).toBe(1);
    expect(submissions.send(99, 0, 0, 1, 0)).toBe(true);
    expect(recordAt(words, 0)[layout.RECORD_ID]).toBe(99);
  });

  it("goes on when its position passes the end of 32 bits", () => {
    for (const start of [0x7fff_fffe, 0xffff_fffe | 0]) {
      const { submissions, header, words } = rings(start);
      for (let count = 0; count < RECORDS; count++) expect(submissions.send(count, 0, 0, 1, 0)).toBe(true);
      expect(submissions.send(99, 0, 0, 1, 0)).toBe(false);
      expect(header[layout.HEADER_SUBMISSION_TAIL]).toBe((start + RECORDS) | 0);
      expect(recordAt(words, start + 5)[layout.RECORD_ID]).toBe(5);
    }
  });

  it("lengthens the last send only when the bytes touch and belong to one connection", () => {
    const { submissions, header, words } = rings();
    expect(submissions.extendSend(7, 3, 100, 10)).toBe(false);
    submissions.send(7, 3, 100, 10, 0);
    expect(submissions.extendSend(7, 3, 111, 10)).toBe(false);
    expect(submissions.extendSend(8, 3, 110, 10)).toBe(false);
    expect(submissions.extendSend(7, 4, 110, 10)).toBe(false);
    expect(submissions.extendSend(7, 3, 110, 10)).toBe(true);
    expect(recordAt(words, 0)[layout.RECORD_LENGTH]).toBe(20);
    expect(submissions.pending).toBe(1);
    header[layout.HEADER_SUBMISSION_HEAD] = 1;
    expect(submissions.extendSend(7, 3, 120, 10)).toBe(false);
  });
});

describe("the completion ring", () => {
  it("reads each field, unsigned", () => {
    const { completions, words, header } = rings();
    const status = layout.Status.unexpected;
    words[0] = layout.Operation.receive | (2 << layout.RECORD_FLAGS_SHIFT) |
      (status << layout.RECORD_STATUS_SHIFT);
    for (let word = 1; word < layout.RECORD_WORDS; word++) words[word] = -word;
    expect(completions.next()).toBe(false);
    header[layout.HEADER_COMPLETION_TAIL] = 1;
    expect(completions.available).toBe(1);
    expect(completions.next()).toBe(true);
    expect(completions.operation).toBe(layout.Operation.receive);
    expect(completions.flags).toBe(2);
    expect(completions.status).toBe(status);
    expect(completions.id).toBe(0x1_0000_0000 - layout.RECORD_ID);
    expect(completions.segment).toBe(0x1_0000_0000 - layout.RECORD_SEGMENT);
    expect(completions.offset).toBe(0x1_0000_0000 - layout.RECORD_OFFSET);
    expect(completions.length).toBe(0x1_0000_0000 - layout.RECORD_LENGTH);
    expect(completions.tag).toBe(0x1_0000_0000 - layout.RECORD_TAG);
    expect(completions.systemError).toBe(0x1_0000_0000 - layout.RECORD_SYSTEM_ERROR);
    expect(completions.argument).toBe(0x1_0000_0000 - layout.RECORD_ARGUMENT);
    expect(completions.next()).toBe(false);
    expect(completions.available).toBe(0);
  });

  it("takes a record out of turn and leaves the others in order", () => {
    const { completions, words, header } = rings();
    const { receive, listen, close } = layout.Operation;
    [receive, listen, listen, close].forEach((operation, index) => {
      words[index * layout.RECORD_WORDS] = operation;
      words[index * layout.RECORD_WORDS + layout.RECORD_TAG] = index;
    });
    header[layout.HEADER_COMPLETION_TAIL] = 4;
    expect(completions.takeAhead(listen, 9)).toBe(false);
    expect(completions.takeAhead(listen, 2)).toBe(true);
    expect(completions.tag).toBe(2);
    expect(completions.takeAhead(listen, 2)).toBe(false);
    const seen: number[] = [];
    while (completions.next()) seen.push(completions.operation);
    expect(seen).toEqual([receive, listen, layout.Operation.none, close]);
  });

  it("agrees with a queue over many wraps", () => {
    const start = 0x7fff_ff00;
    const { completions, submissions, header } = rings(start);
    // Both rings lie on the same words here, so what is submitted is what completes.
    const random = new Random(20_11);
    const model: number[] = [];
    let sent = 0;
    for (let step = 0; step < 20_000; step++) {
      if (random.oneIn(2)) {
        const taken = submissions.push(layout.Operation.receive, sent, 0, 0, 0, sent ^ 0x5555, 0, 0);
        expect(taken).toBe(model.length < RECORDS);
        if (taken) model.push(sent++);
        header[layout.HEADER_COMPLETION_TAIL] = header[layout.HEADER_SUBMISSION_TAIL];
      } else {
        expect(completions.available).toBe(model.length);
        expect(completions.next()).toBe(model.length > 0);
        const wanted = model.shift();
        if (wanted !== undefined) {
          expect([completions.id, completions.tag]).toEqual([wanted, wanted ^ 0x5555]);
        }
        header[layout.HEADER_SUBMISSION_HEAD] = header[layout.HEADER_COMPLETION_HEAD];
      }
    }
    expect(sent).toBeGreaterThan(1000);
  });
});

describe("positions in shared memory that make no sense", () => {
  const { HEADER_SUBMISSION_HEAD, HEADER_SUBMISSION_TAIL, HEADER_COMPLETION_HEAD, HEADER_COMPLETION_TAIL } =
    layout;
  const nonsense: [head: number, tail: number][] = [
    [0, -1],
    [1, 0],
    [5, 0x7fff_ffff],
    [-1, 0x7fff_ffff],
    [0x7fff_ffff, -0x8000_0000 + RECORDS + 1],
  ];

  function broken(head: number, tail: number) {
    const all = rings();
    all.header[HEADER_SUBMISSION_HEAD] = all.header[HEADER_COMPLETION_HEAD] = head;
    all.header[HEADER_SUBMISSION_TAIL] = all.header[HEADER_COMPLETION_TAIL] = tail;
    return all;
  }

  for (const [head, tail] of nonsense) {
    it(`are taken for a full ring: ${head} to ${tail}`, () => {
      const { submissions } = broken(head, tail);
      expect([submissions.pending, submissions.space]).toEqual([RECORDS, 0]);
      expect(submissions.push(layout.Operation.send, 1, 0, 0, 1, 0, 0, 0)).toBe(false);
      let shown = 0;
      submissions.look(0, () => void (shown += 1));
      expect(shown).toBeLessThanOrEqual(RECORDS);
      let told = 0;
      submissions.takeBack(layout.Operation.none, () => void (told += 1));
      expect(told).toBe(RECORDS);
      expect([submissions.pending, submissions.space]).toEqual([0, RECORDS]);

      const { completions } = broken(head, tail);
      expect(completions.available).toBe(RECORDS);
      expect(completions.takeAhead(layout.Operation.listen, 3)).toBe(false);
      completions.look(0, () => void (shown += 1));
      expect(shown).toBeLessThanOrEqual(2 * RECORDS);
      let taken = 0;
      while (completions.next()) taken += 1;
      expect(taken).toBe(RECORDS);
      expect(completions.available).toBe(0);
    });
  }

  it("do not make a hand-over endless", () => {
    const queue = new HandOverQueue();
    const words = new Int32Array(queue.buffer);
    for (const given of [-1, 0x7fff_ffff, handOverQueueEntries + 1]) {
      words[0] = 0;
      words[1] = given;
      expect(queue.length).toBe(handOverQueueEntries);
      expect(
        queue.give({
          descriptor: 1,
          listener: 0,
          familyCode: 4,
          word0: 0,
          word1: 0,
          word2: 0,
          word3: 0,
          port: 0,
        }),
      )
        .toBe(false);
      let taken = 0;
      queue.takeAll(() => taken += 1);
      expect(taken).toBe(handOverQueueEntries);
      queue.takeAll(() => taken += 1);
      expect(taken).toBe(handOverQueueEntries);
    }
  });

  it("do not lead a hand-over beside its listeners, nor make it count what cannot be", () => {
    const queue = new HandOverQueue();
    const words = new Int32Array(queue.buffer);
    const entry = {
      descriptor: 1,
      listener: 0,
      familyCode: 4,
      word0: 0,
      word1: 0,
      word2: 0,
      word3: 0,
      port: 0,
    };
    expect(queue.give(entry)).toBe(true);
    const at = words.length - handOverQueueEntries * 8 + 1;
    const before = Array.from(words);
    for (const listener of [LISTENERS_MAX, -1, 0x7fff_ffff]) {
      words.set(before);
      words[at] = listener;
      const seen: number[] = [];
      queue.takeAll((handed) => seen.push(handed.listener));
      expect(seen).toEqual([]);
      expect(queue.length).toBe(0);
    }
    words[3] = -5;
    words[4] = 5;
    expect(queue.loadOf(0)).toBeGreaterThanOrEqual(0);
    words[3] = 0x7fff_ffff;
    words[4] = 0;
    expect(queue.loadOf(0)).toBeLessThanOrEqual(handOverQueueEntries + 1);
  });

  it("let a hand-over go on behind a socket whose taker throws", () => {
    const queue = new HandOverQueue();
    for (const descriptor of [7, 8]) {
      queue.give({ descriptor, listener: 0, familyCode: 4, word0: 0, word1: 0, word2: 0, word3: 0, port: 0 });
    }
    const seen: number[] = [];
    const take = () =>
      queue.takeAll(({ descriptor }) => {
        if (seen.push(descriptor) === 1) throw new Error("not this one");
        return 1;
      });
    expect(take).toThrow();
    take();
    expect(seen).toEqual([7, 8]);
  });
});
