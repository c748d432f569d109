import { Failure } from "@busbar/protocol";

/**
 * The raw bytes of a capture file: binary as it is, or hexadecimal text.
 *
 * Shape of text: pairs of hex digits, with or without spaces, commas, colons or dashes between them;
 * a line may begin with a label (`tx:`, `rx:`, `>`, `<`), and that with a time (`19:50:12.345 >`), as
 * `busbar-edge read --capture` writes it; `#` starts a comment.
 * Throws: `Failure` `decode.hex` for a line of text with an odd digit.
 */
export function captureBytes(file: Uint8Array): Uint8Array {
  const text = asText(file);
  if (text === undefined) return file;
  const bytes: number[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const digits = hexDigits(line);
    if (digits.length % 2 === 1) {
      const message = `line ${i + 1}: expected pairs of hex digits, got ${digits.length} digits`;
      throw new Failure("decode.hex", message, { retry: "never" });
    }
    bytes.push(...Buffer.from(digits, "hex"));
  }
  return Uint8Array.from(bytes);
}

/** How a file of `busbar-edge read --capture` begins. */
export const recordingHead = "# busbar-edge capture";

/** Whether a file is such a recording: then it is hexadecimal whatever the protocol. */
export function isRecording(file: Uint8Array): boolean {
  return Buffer.from(file.subarray(0, recordingHead.length)).toString("latin1") === recordingHead;
}

const label = /^\s*(?:\d\d:\d\d:\d\d\.\d+\s+)?(?:tx|rx|sent|received|>|<)\s*:?\s/i;

function hexDigits(line: string): string {
  return line
    .replace(/#.*$/, "")
    .replace(label, "")
    .replace(/[\s,:-]/g, "");
}

/** The file as text if every line of it is hex text; a binary capture is not. */
function asText(file: Uint8Array): string | undefined {
  const text = Buffer.from(file).toString("latin1");
  const lines = text.split("\n");
  return lines.every((line) => /^[0-9a-f]*$/i.test(hexDigits(line))) ? text : undefined;
}
