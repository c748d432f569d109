/** Numbers of a bill as people read them. */

/** 10⁻⁶ currency with so many digits. */
export function money(micro: number, digits = 2): string {
  const text = (Math.abs(micro) / 1e6).toFixed(digits);
  const [whole = "0", rest] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const isZero = Number(text) === 0;
  return `${micro < 0 && !isZero ? "−" : ""}${grouped}${rest === undefined ? "" : `.${rest}`}`;
}

/** Exact, for machines: 1.234567, whatever its size. */
export function exact(micro: number): string {
  const value = BigInt(micro);
  const size = value < 0n ? -value : value;
  const rest = String(size % 1_000_000n).padStart(6, "0");
  return `${value < 0n ? "-" : ""}${size / 1_000_000n}.${rest}`;
}

export function kwh(wh: number, digits = 3): string {
  const text = (Math.abs(wh) / 1000).toFixed(digits);
  return `${wh < 0 ? "−" : ""}${text}`;
}

/** Text as it may stand in a page. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
