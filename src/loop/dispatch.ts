/**
 * Completions on their way from the ring to the sink.
 *
 * @module
 */
import type { CompletionRing } from "../../ffi/completion_ring.ts";
import * as layout from "../../ffi/layout.gen.ts";
import { AcceptedAddress } from "../base/peer_address.ts";
import type { CompletionSink } from "./completion_sink.ts";
import type { LateAnswers } from "./late_answers.ts";
import type { TimerTable } from "./timers.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { ACCEPT_RAW_FLAG, Operation, Status } = layout;
const rawFlag = ACCEPT_RAW_FLAG;
const familyMask = ACCEPT_RAW_FLAG - 1;

/** Called with the exception that handling one completion has thrown. */
type DispatchFailed = (operation: number, id: number, thrown: unknown) => void;

/** Hands every completion in the ring to the sink. What one of them throws does not keep the others. */
export function dispatch(
  ring: CompletionRing,
  sink: CompletionSink,
  timers: TimerTable,
  late: LateAnswers,
  woken: () => void,
  failed: DispatchFailed,
): void {
  while (ring.next()) {
    const operation = ring.operation;
    // Read before: a handler that listens or binds moves the ring's cursor.
    const id = ring.id | 0;
    try {
      if (operation === Operation.receive) {
        if (ring.status === Status.ok) sink.received(id, ring.segment, ring.offset, ring.length);
        else sink.receiveEnded(id, ring.status, ring.systemError);
      } else if (operation === Operation.datagramReceive) {
        datagramReceived(id, ring, sink);
      } else {
        dispatchOther(operation, id, ring, sink, timers, late, woken);
      }
    } catch (thrown) {
      failed(operation, id, thrown);
    }
  }
}

function dispatchOther(
  operation: number,
  id: number,
  ring: CompletionRing,
  sink: CompletionSink,
  timers: TimerTable,
  late: LateAnswers,
  woken: () => void,
): void {
  switch (operation) {
    case Operation.send:
      return sink.sent(id, ring.status, ring.systemError);
    case Operation.accept:
      return accepted(id, ring, sink);
    case Operation.adopt:
      return sink.adopted(id, ring.tag, ring.status, ring.systemError);
    case Operation.close:
      // Another status answers a close that came too late.
      return ring.status === Status.ok ? sink.closed(id, ring.length) : undefined;
    case Operation.shutdownWrite:
      return sink.writeEnded(id, ring.status, ring.systemError);
    case Operation.connect:
      return sink.connected(id, ring.tag, ring.status, ring.systemError);
    case Operation.sendFile:
      return sink.fileSent(id, ring.status, ring.systemError);
    case Operation.datagramSend:
      return sink.datagramSent(id, ring.status, ring.systemError);
    case Operation.timer:
      return timers.fired(id, ring.tag | 0);
    case Operation.wake:
      return woken();
    case Operation.listen:
    case Operation.datagramOpen:
    case Operation.membership:
      return late.answered(operation, ring.tag, id, ring.status);
  }
}

/** The address of the accept being handled; each one overwrites it. */
const peer = new AcceptedAddress();

function accepted(id: number, ring: CompletionRing, sink: CompletionSink): void {
  const { tag, status } = ring;
  if (status !== Status.ok) return sink.acceptFailed(tag, status, ring.systemError);
  // The address lies where other completions have their bytes.
  const { segment, offset, length, systemError, argument: port } = ring;
  peer.set(ring.flags & familyMask, segment, offset, length, systemError, port);
  if ((ring.flags & rawFlag) === 0) sink.accepted(id, tag, peer);
  else sink.acceptedRaw(ring.id, tag, peer);
}

function datagramReceived(id: number, ring: CompletionRing, sink: CompletionSink): void {
  const { status, segment, offset, length } = ring;
  if (status === Status.ok) sink.datagramReceived(id, segment, offset, length, -1);
  else if (status !== Status.datagramTruncated) sink.datagramFailed(id, status, ring.systemError);
  else sink.datagramReceived(id, segment, offset, length, ring.argument);
}
