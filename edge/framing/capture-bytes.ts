import { Failure } from "@busbar/protocol";

/**
 * The raw bytes of a capture file: binary as it is, or hexadecimal text.
 *
 * Shape of text: pairs of hex digits, with or without `0x` before them and spaces, commas, colons,
 * dashes or brackets between them; a line may begin with a direction (`tx:`, `rx:`, `>`, `<`) and
 * something before that, such as a time or a port, as `busbar-edge read --capture` and `--raw` write
 * it, with their words below; `#` starts a comment. Or a dump with offsets, as `hexdump -C`, `xxd` and Wireshark print it.
 * Throws: `Failure` `decode.hex` for a line of text with an odd digit.
 */
export function captureBytes(file: Uint8Array): Uint8Array {
  if (!isHexText(file)) return file;
  const digitsOf = digitReader(file);
  const bytes = Buffer.alloc(Math.ceil(file.length / 2));
  let length = 0;
  let number = 0;
  for (const line of linesOf(file)) {
    number += 1;
    const digits = digitsOf(line);
    if (digits.length % 2 === 1) {
      const message = `line ${number}: expected pairs of hex digits, got ${digits.length} digits; dumps with offsets are read as hexdump -C and xxd print them`;
      throw new Failure("decode.hex", message, { retry: "never" });
    }
    length += bytes.write(digits, length, "hex");
  }
  return new Uint8Array(bytes.subarray(0, length));
}

/** How a file of `busbar-edge read --capture` begins. */
export const recordingHead = "# busbar-edge capture";

/** Whether a file is hex text throughout, with a byte at least; no telegram in text is. */
export function isHexText(file: Uint8Array): boolean {
  const digitsOf = digitReader(file);
  let digits = 0;
  for (const line of linesOf(file)) {
    const found = digitsOf(line);
    if (!/^[0-9a-f]*$/i.test(found)) return false;
    digits += found.length;
  }
  return digits > 0;
}

/** How the lines of a file are read. What it gives for a line that is no hex text is none either. */
function digitReader(file: Uint8Array): (line: string) => string {
  if (isDump(file)) return dumpDigits;
  return isTranscript(file) ? transcriptDigits : hexDigits;
}

/** Whether the first line is a frame with its direction: other lines may then say what it means. */
function isTranscript(file: Uint8Array): boolean {
  for (const line of linesOf(file)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    return /^(?:\S+\s+)?[<>] [0-9a-f]{2}(?: |$)/i.test(line);
  }
  return false;
}

function transcriptDigits(line: string): string {
  const digits = hexDigits(line);
  const frame = direction.test(line) || /^\s{8,}/.test(line);
  return frame && /^[0-9a-f]*$/i.test(digits) ? digits : "";
}

const direction = /^(?:.*?\s)?(?:tx|rx|sent|received|<-|->|>|<)\s*:?\s/i;

function hexDigits(line: string): string {
  return line
    .replace(/#.*$/, "")
    .replace(direction, "")
    .replace(/\b0x([0-9a-f])\b/gi, "0$1")
    .replace(/0x|\\x/gi, "")
    .replace(/[\s,;:"'()[\]{}-]/g, "");
}

/** Offset, then bytes: with a colon (xxd, tcpdump) or two spaces behind the offset (hexdump -C, Wireshark). */
const dumpLine = /^\s*(?:0x)?([0-9a-f]{3,8})(?::\s+|\s{2,})(\S.*)$/i;
/** hexdump -C and od end with an offset alone. */
const dumpEnd = /^[0-9a-f]{7,8}$/i;

/** Whether the first line with anything on it is at offset 0, and the next one where that one ends. */
function isDump(file: Uint8Array): boolean {
  let end = 0;
  let seen = 0;
  for (const line of linesOf(file)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = dumpLine.exec(line);
    const ends = seen > 0 && match === null && dumpEnd.test(line.trim());
    const at = Number.parseInt(match?.[1] ?? (ends ? line : ""), 16);
    if (at !== end) return false;
    seen += 1;
    if (ends || seen === 2) return true;
    end = dumpDigits(line).length / 2;
  }
  return seen > 0;
}

const dumpBytesMax = 16;

/** The bytes of a dump's line without its offset and the characters behind them. */
function dumpDigits(line: string): string {
  const [, , rest = ""] = dumpLine.exec(line) ?? [];
  if (rest === "") return dumpEnd.test(line.trim()) ? "" : line.replace(/#.*$/, "").trim();
  // Groups of four digits (xxd) end at two spaces, single bytes at three or at a bar.
  const pairs = /^[0-9a-f]{2}(\s|$)/i.test(rest);
  const [bytes = ""] = rest.split(pairs ? /\s+\||\s{3,}/ : /\s{2,}/);
  return bytes.replace(/\s/g, "").slice(0, 2 * dumpBytesMax);
}

/** Lines without their ends, one at a time: a capture may be large. */
function* linesOf(file: Uint8Array): Generator<string> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    const stop = end < 0 ? bytes.length : end;
    yield bytes.toString("latin1", at, stop).replace(/\r$/, "");
    at = stop + 1;
  }
}
