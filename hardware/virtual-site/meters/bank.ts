/** Exception codes of a Modbus reply. Source: Modbus Application Protocol V1.1b3, section 7. */
export const exception = {
  illegalFunction: 1,
  illegalAddress: 2,
  illegalValue: 3,
  deviceBusy: 6,
  targetSilent: 11,
} as const;
export type ExceptionCode = (typeof exception)[keyof typeof exception];

/** Registers, or why the device refuses. */
export type BankReply =
  | { readonly ok: true; readonly words: readonly number[] }
  | { readonly ok: false; readonly exception: ExceptionCode };

/** One simulated device's registers, computed when they are read. */
export type Bank = {
  /** Whether the device knows a function code at all. */
  knows(functionCode: number): boolean;
  read(request: {
    readonly functionCode: number;
    readonly address: number;
    readonly count: number;
  }): BankReply;
};

export const refuse = (code: ExceptionCode): BankReply => ({ ok: false, exception: code });
