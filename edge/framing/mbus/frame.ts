/** C fields of EN 13757-2 §5.5. `fcb` is the frame count bit, which tells a repeated request. */
export const command = {
  sendNke: 0x40,
  sendUserData: 0x53,
  requestUserData: 0x5b,
  fcb: 0x20,
} as const;

/** The low four bits of a meter's answer with data; above them stand its flags (ACD, DFC). */
export const respondUserData = 0x08;

/** The address under which a meter that was selected by its secondary address answers. */
export const selectedAddress = 253;

/** The single character that confirms a command. */
export const acknowledge = 0xe5;

/** CI field that selects a meter by its secondary address: EN 13757-7 §8. */
export const selectMeter = 0x52;

/** 10h C A checksum 16h. */
export function encodeShort(control: number, address: number): Uint8Array {
  const body = [control, address];
  return Uint8Array.of(0x10, ...body, checksum(Uint8Array.from(body), 0, 2), 0x16);
}

/** 68h L L 68h C A CI data checksum 16h. Shape: at most 252 bytes of data. */
export function encodeLong(frame: {
  readonly control: number;
  readonly address: number;
  readonly ci: number;
  readonly data: Uint8Array;
}): Uint8Array {
  const body = Uint8Array.of(frame.control, frame.address, frame.ci, ...frame.data);
  const { length } = body;
  return Uint8Array.of(0x68, length, length, 0x68, ...body, checksum(body, 0, length), 0x16);
}

/** The sum of the bytes from `start` to before `end`, modulo 256. */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i += 1) sum += bytes[i] ?? 0;
  return sum & 0xff;
}
