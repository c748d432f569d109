/** An element of an SML file. `at` is the place of its first byte. */
export type SmlNode =
  /** Empty: the element was left out. */
  | { readonly kind: "octets"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "boolean"; readonly at: number; readonly value: boolean }
  | {
      readonly kind: "integer";
      readonly at: number;
      readonly signed: boolean;
      readonly value: bigint;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "list"; readonly at: number; readonly items: readonly SmlNode[] }
  /** The zero that ends a message. */
  | { readonly kind: "end"; readonly at: number };

/** Why bytes are no SML file; `offset` counts in the payload. */
export type SmlRefusal = {
  readonly ok: false;
  readonly code: "sml.cut" | "sml.depth" | "sml.shape" | "sml.type" | "sml.message-crc";
  readonly offset: number;
  readonly message: string;
};

/** A refusal with its place. */
export function refuse(code: SmlRefusal["code"], offset: number, expected: string): SmlRefusal {
  return { ok: false, code, offset, message: `payload byte ${offset}: ${expected}` };
}

/** Messages nest seven deep; a bomb of nested lists must not exhaust the stack. */
const depthMax = 16;
/** Four length bytes say 65 535, which is more than a transmission may have. */
const lengthBytesMax = 4;

type Read = { readonly ok: true; readonly node: SmlNode; readonly next: number } | SmlRefusal;
type Header = {
  readonly ok: true;
  readonly type: number;
  /** Of a list its elements; of anything else its bytes. */
  readonly length: number;
  readonly next: number;
};

/**
 * The element at `at`, with all that is in it.
 * Refuses: an end before the length says so, an unknown type, integers of more than 8 bytes, more than
 * 16 levels. Source: SML 1.04 chapter 6.2 (TL fields).
 */
export function readNode(bytes: Uint8Array, at: number, depth = 0): Read {
  if (bytes[at] === 0) return { ok: true, node: { kind: "end", at }, next: at + 1 };
  const header = readHeader(bytes, at);
  if (!header.ok) return header;
  const { type, length, next } = header;
  if (type === 7) return readList(bytes, at, header, depth);
  const end = next + length;
  if (end > bytes.length) return cut(bytes, at);
  const content = bytes.slice(next, end);
  if (type === 0) return { ok: true, node: { kind: "octets", at, bytes: content }, next: end };
  if (type === 4) {
    if (length !== 1) return refuse("sml.type", at, `a boolean has 1 byte, got ${length}`);
    return { ok: true, node: { kind: "boolean", at, value: content[0] !== 0 }, next: end };
  }
  if (length < 1 || length > 8) {
    return refuse("sml.type", at, `an integer has 1 to 8 bytes, got ${length}`);
  }
  const signed = type === 5;
  const value = integer(content, signed);
  return { ok: true, node: { kind: "integer", at, signed, value, bytes: content }, next: end };
}

function readList(bytes: Uint8Array, at: number, { length, next }: Header, depth: number): Read {
  if (depth >= depthMax) return refuse("sml.depth", at, `lists nest deeper than ${depthMax}`);
  // Each element has a byte at least: what cannot be there is not begun.
  if (length > bytes.length - next) return cut(bytes, at);
  const items: SmlNode[] = [];
  let place = next;
  for (let i = 0; i < length; i += 1) {
    const item = readNode(bytes, place, depth + 1);
    if (!item.ok) return item;
    items.push(item.node);
    place = item.next;
  }
  return { ok: true, node: { kind: "list", at, items }, next: place };
}

function readHeader(bytes: Uint8Array, at: number): Header | SmlRefusal {
  const first = bytes[at];
  if (first === undefined) return cut(bytes, at);
  const type = (first >>> 4) & 7;
  if (type !== 0 && type !== 4 && type !== 5 && type !== 6 && type !== 7) {
    return refuse("sml.type", at, `no element begins with 0x${first.toString(16)}`);
  }
  let length = first & 0xf;
  let next = at + 1;
  for (let more = first >= 0x80; more; next += 1) {
    const byte = bytes[next];
    if (byte === undefined) return cut(bytes, at);
    if (next - at >= lengthBytesMax || (byte & 0x70) !== 0) {
      return refuse("sml.type", next, `0x${byte.toString(16)} goes on with no length`);
    }
    length = (length << 4) | (byte & 0xf);
    more = byte >= 0x80;
  }
  // The length of anything but a list counts these bytes too.
  const content = type === 7 ? length : length - (next - at);
  if (content < 0) return refuse("sml.type", at, `length ${length} is shorter than its own bytes`);
  return { ok: true, type, length: content, next };
}

function integer(bytes: Uint8Array, signed: boolean): bigint {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return signed ? BigInt.asIntN(8 * bytes.length, value) : value;
}

const cut = (bytes: Uint8Array, at: number): SmlRefusal =>
  refuse("sml.cut", at, `an element ends behind the last of ${bytes.length} bytes`);
