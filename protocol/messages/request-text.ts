import type { Refusal } from "../refusal.ts";
import { decodeMessage, encodeMessage } from "./kinds.ts";
import type { Device, Owner } from "./registry.ts";
import { bytesOfWord, wordOf } from "./word.ts";

/** What a unit asks to be admitted with. */
export type AdmissionRequest = { readonly owner: Owner; readonly device: Device };

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** Begins a request as text. All of it are characters of a QR code's dense mode (ISO 18004, 7.3.4). */
export const requestPrefix = "BUSBAR-REQUEST:";

/** An admission that no member has made yet. */
const nobody = { nonce: new Uint8Array(16), member: "nobody" };

/** A request as one word of capital letters and digits, to be copied, sent or shown as a QR code. */
export function requestText({ owner, device }: AdmissionRequest, sha256: Sha256): string {
  const bytes = encodeMessage("admission", { ...nobody, owners: [owner], devices: [device] });
  return wordOf(requestPrefix, bytes, sha256);
}

/** Reads what `requestText` wrote; blanks, line ends and small letters do not matter. Codes `request.*`. */
export function parseRequestText(
  text: string,
  sha256: Sha256,
): { readonly ok: true; readonly request: AdmissionRequest } | Refusal {
  const body = bytesOfWord(requestPrefix, text, sha256);
  if (body === "text") {
    const message = `expected ${requestPrefix} and the letters and digits that busbar-edge enrol printed`;
    return { ok: false, code: "request.text", message };
  }
  if (body === "copied-wrong") {
    const message = "a part is missing or was copied wrong; copy the whole request again";
    return { ok: false, code: "request.copied-wrong", message };
  }
  const decoded = decodeMessage("admission", body);
  if (!decoded.ok) return decoded;
  const { owners, devices } = decoded.message;
  const [owner] = owners;
  const [device] = devices;
  if (owner === undefined || device === undefined || owners.length + devices.length > 2) {
    const message = `expected one owner and one unit, got ${owners.length} and ${devices.length}`;
    return { ok: false, code: "request.text", message };
  }
  return { ok: true, request: { owner, device } };
}
