/**
 * As much of Node's Buffer as the rules of a bill use, for the page that checks one by the very same rules:
 * bytes from text or from other bytes, and text of them.
 */
class Bytes extends Uint8Array {
  override toString(encoding = "utf8"): string {
    switch (encoding) {
      case "hex":
        return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
      case "latin1":
        return binary(this);
      case "base64url":
        return btoa(binary(this)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
      case "utf8":
        return new TextDecoder().decode(this);
      default:
        throw new RangeError(`no text in ${encoding} here`);
    }
  }
}

export const Buffer = {
  from(value: string | Uint8Array | ArrayBuffer, second?: string | number, length?: number): Bytes {
    if (typeof value === "string") return ofText(value, second);
    if (value instanceof Uint8Array) return new Bytes(value);
    return new Bytes(value, typeof second === "number" ? second : 0, length);
  },
};

function ofText(text: string, encoding: string | number | undefined): Bytes {
  if (encoding === undefined || encoding === "utf8")
    return new Bytes(new TextEncoder().encode(text));
  if (encoding !== "base64url") throw new RangeError(`no bytes of ${encoding} here`);
  // As Node: what is no digit is passed over, and whoever cares compares the text again.
  const digits = text
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .replace(/[^A-Za-z0-9+/]/g, "");
  const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits;
  return Bytes.from(atob(whole), (char) => char.charCodeAt(0)) as Bytes;
}

/** In pieces: a call takes so many arguments only. */
function binary(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return text;
}
