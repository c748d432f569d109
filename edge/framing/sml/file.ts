import { smlChecksum } from "./checksum.ts";
import { readNode, refuse, type SmlNode, type SmlRefusal } from "./tree.ts";

/** A register or object of a meter, as it was sent. */
export type SmlEntry = {
  readonly at: number;
  /** The OBIS code; six bytes on every meter known. */
  readonly name: Uint8Array;
  /** When the value was taken, where the meter knows the time of day. UTC seconds since 1970. */
  readonly time: number | undefined;
  /** DLMS unit code. */
  readonly unit: number | undefined;
  /** Power of ten. */
  readonly scaler: number;
  readonly value: SmlNode;
};

/** What one meter tells: an SML_GetList response. */
export type SmlList = {
  /** Empty when the meter hides it. */
  readonly serverId: Uint8Array;
  /** The meter's clock, where it knows the time of day. UTC seconds since 1970. */
  readonly time: number | undefined;
  readonly entries: readonly SmlEntry[];
};

type Refused<T> = { readonly ok: true; readonly value: T } | SmlRefusal;
type Integer = Extract<SmlNode, { kind: "integer" }>;

const getListResponse = 0x0701;

/**
 * The lists in an SML file. Other messages (open, close, attention …) are checked and passed over.
 * Refuses: what `readNode` refuses, a message whose own checksum fails, another shape than the
 * standard's. Source: SML 1.04 chapter 5.1.
 */
export function parseSmlFile(payload: Uint8Array): Refused<readonly SmlList[]> {
  const lists: SmlList[] = [];
  let at = 0;
  while (at < payload.length) {
    if (payload[at] === 0) {
      const stray = payload.findIndex((byte, i) => i >= at && byte !== 0);
      if (stray < 0) break;
      return refuse("sml.shape", stray, "expected zeros behind the last message");
    }
    const read = readNode(payload, at);
    if (!read.ok) return read;
    const body = bodyOf(payload, read.node);
    if (!body.ok) return body;
    if (body.value.tag === getListResponse) {
      const list = listOf(body.value.body);
      if (!list.ok) return list;
      lists.push(list.value);
    }
    at = read.next;
  }
  return { ok: true, value: lists };
}

/** The message's body, after its checksum was found right. */
function bodyOf(payload: Uint8Array, message: SmlNode): Refused<{ tag: number; body: SmlNode }> {
  const items = itemsOf(message, 6);
  if (items === undefined) return refuse("sml.shape", message.at, "expected a message of 6 parts");
  const [, , , choice, sum, end] = items;
  if (sum?.kind !== "integer" || sum.signed || sum.bytes.length > 2) {
    return refuse("sml.shape", sum?.at ?? message.at, "expected a checksum of 2 bytes");
  }
  if (smlChecksum(payload, { from: message.at, to: sum.at }, Number(sum.value)) === undefined) {
    return refuse("sml.message-crc", sum.at, "the message's checksum is wrong");
  }
  if (end?.kind !== "end") {
    return refuse("sml.shape", end?.at ?? message.at, "expected the end of the message");
  }
  const [tag, body] = itemsOf(choice, 2) ?? [];
  if (tag?.kind !== "integer" || body === undefined) {
    return refuse("sml.shape", choice?.at ?? message.at, "expected a tag and a body");
  }
  return { ok: true, value: { tag: Number(tag.value), body } };
}

function listOf(body: SmlNode): Refused<SmlList> {
  const items = itemsOf(body, 7);
  if (items === undefined) return refuse("sml.shape", body.at, "expected a list of 7 parts");
  const [, server, , time, values] = items;
  if (server?.kind !== "octets") return refuse("sml.shape", body.at, "expected a server id");
  if (values?.kind !== "list") return refuse("sml.shape", body.at, "expected a list of values");
  const entries: SmlEntry[] = [];
  for (const item of values.items) {
    const entry = entryOf(item);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  return { ok: true, value: { serverId: server.bytes, time: timeOf(time), entries } };
}

function entryOf(node: SmlNode): Refused<SmlEntry> {
  const items = itemsOf(node, 7);
  const [name, , time, unit, scaler, value] = items ?? [];
  if (name?.kind !== "octets" || value === undefined || value.kind === "end") {
    return refuse("sml.shape", node.at, "expected a value of 7 parts that begins with its name");
  }
  if (!absentOrByte(unit, false) || !absentOrByte(scaler, true)) {
    return refuse("sml.shape", node.at, "expected a unit and a scaler of 1 byte");
  }
  return {
    ok: true,
    value: {
      at: node.at,
      name: name.bytes,
      time: timeOf(time),
      unit: unit?.kind === "integer" ? Number(unit.value) : undefined,
      scaler: scaler?.kind === "integer" ? Number(scaler.value) : 0,
      value,
    },
  };
}

/**
 * Seconds since 1970, of the choices that are a time of day (2 UTC, 3 local with the UTC seconds
 * first). Choice 1 counts seconds from an unknown beginning. A Holley DTZ541 leaves the choice out:
 * a bare number is choice 1 (volkszaehler/libsml issue 75). 0 is a clock that was never set.
 */
function timeOf(node: SmlNode | undefined): number | undefined {
  const [choice, value] = itemsOf(node, 2) ?? [];
  if (choice?.kind !== "integer") return undefined;
  const seconds = choice.value === 3n ? itemsOf(value, 3)?.[0] : value;
  if (choice.value !== 2n && choice.value !== 3n) return undefined;
  if (seconds?.kind !== "integer" || seconds.signed || seconds.bytes.length > 4) return undefined;
  return seconds.value === 0n ? undefined : Number(seconds.value);
}

const itemsOf = (node: SmlNode | undefined, count: number): readonly SmlNode[] | undefined =>
  node?.kind === "list" && node.items.length === count ? node.items : undefined;

const isByte = (node: SmlNode | undefined, signed: boolean): node is Integer =>
  node?.kind === "integer" && node.signed === signed && node.bytes.length === 1;

const absentOrByte = (node: SmlNode | undefined, signed: boolean): boolean =>
  isByte(node, signed) || (node?.kind === "octets" && node.bytes.length === 0);
