import { control } from "./frame.ts";
import type { Dlt645Telegram } from "./framer.ts";

/** What a telegram says. */
export type Dlt645Message =
  | { readonly kind: "request" }
  | { readonly kind: "address"; readonly address: string }
  | {
      readonly kind: "data";
      readonly identifier: number;
      /** Counts the continuations of a block from 1; the block's first part has none. */
      readonly sequence: number | undefined;
      readonly more: boolean;
      readonly payload: Uint8Array;
    }
  | { readonly kind: "refusal"; readonly error: number }
  | { readonly kind: "other" };

/** A telegram that is not what its control code says. `at` counts from the telegram's first byte. */
export type Dlt645Refusal = {
  readonly ok: false;
  readonly code: "dlt645.short";
  readonly at: number;
  readonly message: string;
};

const dataAt = 10;

/** Takes a telegram apart. */
export function readMessage(
  telegram: Dlt645Telegram,
): { readonly ok: true; readonly message: Dlt645Message } | Dlt645Refusal {
  const { data } = telegram;
  if ((telegram.control & control.answer) === 0) return { ok: true, message: { kind: "request" } };
  if ((telegram.control & control.refusal) !== 0) {
    const error = data[0];
    return error === undefined
      ? short(telegram, 1)
      : { ok: true, message: { kind: "refusal", error } };
  }
  const asked = telegram.control & 0x1f;
  if (asked === control.readAddress) {
    if (data.length !== 6) return short(telegram, 6);
    const address = Buffer.from(data).reverse().toString("hex").toUpperCase();
    return { ok: true, message: { kind: "address", address } };
  }
  if (asked !== control.read && asked !== control.readNext) {
    return { ok: true, message: { kind: "other" } };
  }
  const tail = asked === control.readNext ? 1 : 0;
  if (data.length < 4 + tail) return short(telegram, 4 + tail);
  return {
    ok: true,
    message: {
      kind: "data",
      identifier: new DataView(data.buffer, data.byteOffset).getUint32(0, true),
      sequence: tail === 0 ? undefined : data.at(-1),
      more: (telegram.control & control.more) !== 0,
      payload: data.slice(4, data.length - tail),
    },
  };
}

function short({ control: code, data }: Dlt645Telegram, needed: number): Dlt645Refusal {
  const message = `control ${code.toString(16)}h needs ${needed} bytes of data, got ${data.length}`;
  return { ok: false, code: "dlt645.short", at: dataAt, message };
}

/** The bits of a refusal's error byte, the lowest first: Table 5 of §5.2.2. */
const errors = [
  "another error",
  "no such data",
  "wrong password or not authorised",
  "baud rate cannot be changed",
  "too many yearly periods",
  "too many daily periods",
  "too many tariffs",
] as const;

/** The refusal's bit for data that this meter does not have. */
export const noSuchData = 0x02;

export const errorText = (error: number): string =>
  errors.filter((_, bit) => (error >>> bit) & 1).join(", ") || `error ${error}`;
