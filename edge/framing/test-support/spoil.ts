import type { Reply } from "./scripted-line.ts";

/** How often each thing befalls an answer, 0 … 1. */
export type Spoiling = {
  readonly dropped: number;
  /** Comes `lateMs` after the request, when the reader has given up. */
  readonly late: number;
  readonly lateMs: number;
  /** One byte is changed, which any sum notices. */
  readonly damaged: number;
  readonly noise: number;
  readonly cut: number;
};

/** What a bad line makes of an answer. */
export function spoil(
  answer: Uint8Array,
  faults: Spoiling,
  random: () => number,
): readonly Reply[] {
  const hits = (share: number) => random() < share;
  const below = (end: number) => Math.floor(random() * end);
  if (hits(faults.dropped)) return [];
  let bytes = answer;
  if (hits(faults.damaged)) {
    const at = below(bytes.length);
    const flip = 1 + below(255);
    bytes = bytes.map((byte, i) => (i === at ? byte ^ flip : byte));
  }
  if (hits(faults.cut)) bytes = bytes.slice(0, below(bytes.length));
  const noise = () => Uint8Array.from({ length: below(12) }, () => below(256));
  if (hits(faults.noise)) bytes = Buffer.concat([noise(), bytes, noise()]);
  const ms = hits(faults.late) ? faults.lateMs : 20;
  const half = below(bytes.length + 1);
  return [
    { ms, bytes: bytes.slice(0, half) },
    { ms: ms + 3, bytes: bytes.slice(half) },
  ];
}
