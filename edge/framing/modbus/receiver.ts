import type { BusCounters } from "../bus-counters.ts";
import { takeMbap, toMbap } from "./mbap.ts";
import { findRtuReply, nameDiscarded } from "./rtu-reply.ts";
import type { Frame, ReplyShape } from "./unanswered.ts";

/** Takes bytes off a line and gives the one answer that is waited for; counts all others. */
export interface Receiver {
  /** Whether an answer says only its unit, function and length, not which request it belongs to. */
  readonly ambiguous: boolean;
  /** The bytes of a request on this line; from now on its answer is waited for. */
  frame(request: Uint8Array, shape: ReplyShape | undefined): Uint8Array;
  /**
   * The answer, as an RTU frame, once it is complete. "broken": the stream makes no sense. `parted`:
   * the line was silent before these bytes for longer than within a frame.
   */
  push(bytes: Uint8Array, parted: boolean): Uint8Array | "broken" | undefined;
  /** Nothing is waited for any more; what is received is kept for `flush`. */
  stop(): void;
  /** Counts what was received and was no answer. */
  flush(): void;
  /** Forgets everything: the line was opened anew. */
  reset(): void;
}

type Context = {
  readonly counters: BusCounters;
  /** A valid answer that was not waited for; tells what it is. */
  readonly unexpected: (frame: Frame) => "late" | "repeated" | "unexpected";
  /** Another master asked. */
  readonly foreign: (shape: ReplyShape) => void;
};

/** Several frames' worth: what a line can bring between two requests, or in babble, is bounded. */
const bufferBytesMax = 1024;

/** Requests that one connection can leave unanswered before their answers no longer matter. */
const givenMax = 256;

/** Receives RTU frames, by their checksums alone. */
export function rtuReceiver({ counters, unexpected, foreign }: Context): Receiver {
  let buffer: Uint8Array = new Uint8Array(0);
  let waiting: ReplyShape | undefined;
  let sent: Uint8Array | undefined;
  /** Where in the buffer the line had been silent: what spans it is no frame, whatever its checksum. */
  let seams: readonly number[] = [];

  const drop = (count: number): void => {
    if (count === 0) return;
    buffer = buffer.slice(count);
    seams = seams.map((at) => at - count).filter((at) => at > 0);
  };
  const discard = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    for (const item of nameDiscarded(bytes, sent)) {
      if (item.kind === "echo") counters.echoes += 1;
      else if (item.kind === "noise") counters.noiseBytes += item.length;
      else if (item.kind === "foreign") {
        counters.foreign += 1;
        foreign(item.shape);
      } else counters[unexpected(item)] += 1;
    }
  };
  return {
    ambiguous: true,
    frame(request, shape) {
      waiting = shape;
      sent = request;
      return request;
    },
    push(bytes, parted) {
      if (parted && buffer.length > 0) seams = [...seams, buffer.length];
      buffer = Buffer.concat([buffer, bytes]);
      if (buffer.length > bufferBytesMax) {
        const excess = buffer.length - bufferBytesMax;
        discard(buffer.subarray(0, excess));
        drop(excess);
      }
      const found = waiting && findRtuReply(buffer, { ...waiting, sent, seams });
      if (found === undefined) return undefined;
      waiting = undefined;
      const answer = buffer.slice(found.at, found.at + found.length);
      discard(buffer.subarray(0, found.at));
      drop(found.at + found.length);
      return answer;
    },
    stop() {
      waiting = undefined;
    },
    flush() {
      discard(buffer);
      drop(buffer.length);
    },
    reset() {
      waiting = undefined;
      drop(buffer.length);
    },
  };
}

/** Receives Modbus TCP: the transaction id says whose answer it is. */
export function tcpReceiver({ counters, unexpected }: Context): Receiver {
  const arrived = (rtu: Uint8Array): void => {
    for (const item of nameDiscarded(rtu, undefined)) if (item.kind === "answer") unexpected(item);
  };
  let buffer: Uint8Array = new Uint8Array(0);
  let transaction = 0;
  let waiting: ReplyShape | undefined;
  /** Transactions that were given up and may be answered still. */
  const given = new Set<number>();

  return {
    ambiguous: false,
    frame(request, shape) {
      transaction = (transaction + 1) & 0xffff;
      waiting = shape;
      return toMbap(request, transaction);
    },
    push(bytes) {
      const taken = takeMbap(Buffer.concat([buffer, bytes]));
      if (taken === "broken") return "broken";
      buffer = taken.rest;
      let answer: Uint8Array | undefined;
      for (const { transaction: id, rtu } of taken.frames) {
        if (waiting !== undefined && id === transaction && isReply(rtu, waiting)) {
          answer = rtu;
          waiting = undefined;
        } else if (id === transaction) counters.unexpected += 1;
        else {
          counters.late += 1;
          if (given.delete(id)) arrived(rtu);
        }
      }
      return answer;
    },
    stop() {
      if (waiting === undefined) return;
      waiting = undefined;
      given.add(transaction);
      for (const oldest of given) {
        if (given.size <= givenMax) break;
        given.delete(oldest);
      }
    },
    // Half a frame in the buffer is completed by what follows: TCP loses nothing in between.
    flush() {},
    reset() {
      waiting = undefined;
      given.clear();
      buffer = new Uint8Array(0);
    },
  };
}

function isReply(rtu: Uint8Array, asked: ReplyShape): boolean {
  const found = findRtuReply(rtu, asked);
  return found?.at === 0 && found.length === rtu.length;
}
