/** Who a server id says that a meter is. */
export type SmlServer = {
  /** As printed on the meter where the id has the national form, else its bytes in hexadecimal. */
  readonly address: string | undefined;
  /** Three letters. */
  readonly manufacturer?: string;
  readonly serialNumber?: number;
};

/**
 * Reads the ten bytes of DIN 43863-5: a leading 09 or 0a, the medium (1 is electricity), three
 * letters of the maker, a block, four bytes of serial number: `1DZG0042082910`.
 */
export function readServerId(id: Uint8Array): SmlServer {
  if (id.length === 0) return { address: undefined };
  const [lead = 0, medium = 0, ...rest] = id;
  const manufacturer = String.fromCharCode(...rest.slice(0, 3));
  const national = id.length === 10 && (lead === 0x09 || lead === 0x0a) && medium <= 9;
  if (!national || !/^[A-Z]{3}$/.test(manufacturer)) return { address: hex(id) };
  const serialNumber = rest.slice(4).reduce((sum, byte) => sum * 256 + byte, 0);
  const block = (rest[3] ?? 0).toString(16).padStart(2, "0");
  const digits = String(serialNumber).padStart(8, "0");
  return { address: `${medium}${manufacturer}${block}${digits}`, manufacturer, serialNumber };
}

/** Bytes in hexadecimal, without spaces. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
