/** A value that a telegram carries. `value` is the exact decimal in `unit`; undefined = unknown. */
export type TelegramReading = {
  readonly obis: string | undefined;
  readonly quantity: string;
  readonly value: string | undefined;
  readonly unit: string;
  /** The power of ten that the meter sent with the value. */
  readonly scaler: number;
  /** When the value was taken, where the telegram says so (ISO 8601). */
  readonly time?: string;
  /** What an object says that is no number. */
  readonly text?: string;
};

/** One telegram of a byte stream, or bytes that are none. `offset` counts from the stream's start. */
export type TelegramEntry =
  | {
      readonly ok: true;
      readonly offset: number;
      readonly protocol: string;
      readonly address?: string;
      readonly time?: string;
      readonly readings: readonly TelegramReading[];
    }
  | {
      readonly ok: false;
      readonly offset: number;
      readonly code: string;
      readonly message: string;
      /** The bytes in hexadecimal. */
      readonly bytes: string;
    };
