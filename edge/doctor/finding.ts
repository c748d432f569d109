/** One thing looked at. `remedy` says what to do where it is not well. */
export type Finding = {
  readonly check: string;
  readonly state: "ok" | "warning" | "fault";
  readonly message: string;
  readonly remedy?: string;
};

export const ok = (check: string, message: string): Finding => ({ check, state: "ok", message });
export const warning = (check: string, message: string, remedy: string): Finding => ({
  check,
  state: "warning",
  message,
  remedy,
});
export const fault = (check: string, message: string, remedy: string): Finding => ({
  check,
  state: "fault",
  message,
  remedy,
});
