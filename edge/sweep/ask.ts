import type { Connection } from "../framing/line.ts";
import { withCrc } from "../framing/modbus/crc16.ts";
import type { ProbeLine } from "../framing/probe-line.ts";
import type { Timers } from "../framing/timers.ts";
import { type Exchange, type Idle, nameExchange, nameIdle } from "./exchange.ts";

/** A read of registers: a sweep asks nothing else, so it changes nothing in any meter. */
export type Question = {
  readonly unit: number;
  readonly function: 3 | 4;
  readonly address: number;
  readonly count: number;
};

/** How long answers are waited for, ms: for the first byte, and for more of them. */
export type Waits = { readonly replyMs: number; readonly settleMs: number };

/** USB adapters hand over bytes in steps of up to 16 ms, networks in larger ones; a second meter's answer may
 * follow the first one's by as much. */
export const settleMsOf = ({ kind }: Connection): number => (kind === "rtu" ? 60 : 150);

/** What comes in one exchange, or while nobody asks, is bounded: a line can babble for ever. */
const heardBytesMax = 2048;
const exchangeMsMax = 3000;

export const requestOf = ({ unit, function: code, address, count }: Question): Uint8Array =>
  withCrc(Uint8Array.of(unit, code, address >> 8, address & 0xff, count >> 8, count & 0xff));

/** Asks once and listens until the line has been silent, so that a second answer is heard too. */
export async function askOnce(
  probe: ProbeLine,
  question: Question,
  { replyMs, settleMs, timers }: Waits & { readonly timers: Timers },
): Promise<Exchange> {
  const request = requestOf(question);
  const start = timers.now();
  const heard: number[] = [];
  let firstMs: number | undefined;
  const isEcho = () =>
    heard.length <= request.length && heard.every((byte, i) => byte === request[i]);
  const take = (bytes: Uint8Array) => {
    heard.push(...bytes.subarray(0, heardBytesMax - heard.length));
    if (!isEcho()) firstMs ??= timers.now() - start;
    return true;
  };
  let more = await probe.ask(request, take, { quietMs: replyMs, totalMs: replyMs });
  while (more === true && heard.length < heardBytesMax && timers.now() - start < exchangeMsMax) {
    const quietMs = isEcho() ? replyMs : settleMs;
    more = await probe.hear(take, { quietMs, totalMs: quietMs });
  }
  return nameExchange({ request, bytes: Uint8Array.from(heard), firstMs });
}

/** Listens while nobody asks. */
export async function listen(probe: ProbeLine, ms: number): Promise<Idle> {
  const heard: number[] = [];
  await probe.hear(
    (bytes) => {
      heard.push(...bytes.subarray(0, heardBytesMax - heard.length));
      return undefined;
    },
    { quietMs: ms, totalMs: ms },
  );
  return nameIdle(Uint8Array.from(heard), ms);
}
