import { hash } from "node:crypto";

/**
 * SHA-256 of four messages of 65 bytes at once: the tree's nodes, of which a block makes thousands. One
 * call of Node's own takes longer to begin than to hash so little; here the four stand side by side in the
 * lanes of WebAssembly's vectors, whose code is assembled below, round by round as FIPS 180-4 §6.2.2 has it.
 */
export type Lanes = {
  /** The 17 words of each message, the last one's with its end bit: word i of lane n at 4 · i + n. */
  readonly input: Int32Array;
  /** The 8 words of each hash, laid out likewise, once `run` returned. */
  readonly output: Int32Array;
  run(): void;
};

/** Length of the messages in bits, as padding says it. */
const messageBits = 65 * 8;
const inputWords = 17;
const outputAt = inputWords * 16;

/** Made at the first use: whoever only reads needs none. */
let made: Lanes | undefined;

export function lanes(): Lanes {
  made ??= vectorLanes() ?? plainLanes();
  return made;
}

/** Undefined on a machine without vectors. */
export function vectorLanes(): Lanes | undefined {
  const code = assemble();
  if (!WebAssembly.validate(code)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const { memory, run } = exports as { memory: WebAssembly.Memory; run: () => void };
  return {
    input: new Int32Array(memory.buffer, 0, inputWords * 4),
    output: new Int32Array(memory.buffer, outputAt, 32),
    run,
  };
}

/** The same by Node's own, one after the other. */
export function plainLanes(): Lanes {
  const [input, output] = [new Int32Array(inputWords * 4), new Int32Array(32)];
  const bytes = Buffer.alloc(inputWords * 4);
  const run = () => {
    for (let lane = 0; lane < 4; lane++) {
      for (let i = 0; i < inputWords; i++) bytes.writeInt32BE(input[4 * i + lane] ?? 0, 4 * i);
      const digest = hash("sha256", bytes.subarray(0, 65), "buffer");
      for (let i = 0; i < 8; i++) output[4 * i + lane] = digest.readInt32BE(4 * i);
    }
  };
  return { input, output, run };
}

/** FIPS 180-4 §4.2.2 and §5.3.3: the first bits of the fractions of the primes' cube and square roots. */
const roundWords = primes(64).map((prime) => fraction(prime, 3n));
const startWords = primes(8).map((prime) => fraction(prime, 2n));

function primes(count: number): bigint[] {
  const found: bigint[] = [];
  for (let n = 2n; found.length < count; n++) if (found.every((p) => n % p !== 0n)) found.push(n);
  return found;
}

/** The first 32 bits of the fraction of a number's root. */
function fraction(value: bigint, degree: bigint): number {
  const scaled = value << (32n * degree);
  let [low, high] = [0n, 1n << 40n];
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= scaled) low = middle;
    else high = middle;
  }
  return Number(BigInt.asIntN(32, low));
}

/** Locals of the function: the working variables a to h, the last 16 words of the schedule, one more. */
const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const wordAt = (i: number) => 8 + (i % 16);
const spare = 24;
const localCount = 25;

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const int = (value: number) => [0x41, ...signed(value)];
const vector = (op: number) => [0xfd, ...unsigned(op)];
const load = (at: number) => [...int(0), ...vector(0x00), 4, ...unsigned(at)];
const store = (at: number, value: readonly number[]) => [
  ...int(0),
  ...value,
  ...vector(0x0b),
  4,
  ...unsigned(at),
];
const same = (word: number) => {
  const lane = [0, 8, 16, 24].map((bits) => (word >>> bits) & 0xff);
  return [...vector(0x0c), ...lane, ...lane, ...lane, ...lane];
};
const [add, xor, or, select] = [vector(0xae), vector(0x51), vector(0x50), vector(0x52)];
const shiftRight = (local: number, bits: number) => [...get(local), ...int(bits), ...vector(0xad)];
const shiftLeft = (local: number, bits: number) => [...get(local), ...int(bits), ...vector(0xab)];
const rotate = (local: number, bits: number) => [
  ...shiftRight(local, bits),
  ...shiftLeft(local, 32 - bits),
  ...or,
];
const mix = (first: readonly number[], second: readonly number[], third: readonly number[]) => [
  ...first,
  ...second,
  ...xor,
  ...third,
  ...xor,
];
const rotations = (local: number, i: number, j: number, k: number) =>
  mix(rotate(local, i), rotate(local, j), rotate(local, k));
const spread = (local: number, i: number, j: number, shift: number) =>
  mix(rotate(local, i), rotate(local, j), shiftRight(local, shift));

/** Word `i` of the schedule, from 16 on, in the place of the one that is needed no more. */
function nextWord(i: number): number[] {
  return [
    ...get(wordAt(i)),
    ...spread(wordAt(i + 1), 7, 18, 3),
    ...add,
    ...get(wordAt(i + 9)),
    ...add,
    ...spread(wordAt(i + 14), 17, 19, 10),
    ...add,
    ...set(wordAt(i)),
  ];
}

/** One round: the variables keep their locals in turn, so that nothing is moved. */
function round(i: number): number[] {
  const at = (variable: number) => (variable - (i % 8) + 8) % 8;
  const [A, B, C, D, E, F, G, H] = [a, b, c, d, e, f, g, h].map(at) as [
    ...[number, number, number, number, number, number, number, number],
  ];
  return [
    ...(i < 16 ? [] : nextWord(i)),
    // T1 = h + Σ1(e) + Ch(e, f, g) + K + W
    ...get(H),
    ...rotations(E, 6, 11, 25),
    ...add,
    ...[...get(F), ...get(G), ...get(E), ...select],
    ...add,
    ...same(roundWords[i] ?? 0),
    ...add,
    ...get(wordAt(i)),
    ...add,
    ...set(spare),
    ...[...get(D), ...get(spare), ...add, ...set(D)],
    // T2 = Σ0(a) + Maj(a, b, c): where a and b agree it is a, else c.
    ...get(spare),
    ...rotations(A, 2, 13, 22),
    ...add,
    ...[...get(C), ...get(A), ...get(A), ...get(B), ...xor, ...select],
    ...add,
    ...set(H),
  ];
}

/** A block whose words are in their locals; `before` is what its hash goes on from. */
function block(before: (i: number) => readonly number[]): number[] {
  const variables = [a, b, c, d, e, f, g, h];
  return [
    ...variables.flatMap((local, i) => [...before(i), ...set(local)]),
    ...roundWords.flatMap((_, i) => round(i)),
    ...variables.flatMap((local, i) =>
      store(outputAt + 16 * i, [...before(i), ...get(local), ...add]),
    ),
  ];
}

function assemble(): Uint8Array<ArrayBuffer> {
  const words = Array.from({ length: 16 }, (_, i) => i);
  const body = [
    ...words.flatMap((i) => [...load(16 * i), ...set(wordAt(i))]),
    ...block((i) => same(startWords[i] ?? 0)),
    // The second block has one word of the message, zeros, and the length.
    ...words.flatMap((i) => {
      const word = i === 0 ? load(16 * 16) : same(i === 15 ? messageBits : 0);
      return [...word, ...set(wordAt(i))];
    }),
    ...block((i) => load(outputAt + 16 * i)),
    0x0b,
  ];
  const code = [1, ...unsigned(localCount), 0x7b, ...body];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type () → (), one function of it, one page of memory, both exported.
    ...section(1, [1, 0x60, 0, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("run"), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a small number ≥ 0. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
