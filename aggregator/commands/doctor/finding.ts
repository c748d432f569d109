/** What one look came to. `soon`: it works, and somebody should see to it. */
export type Finding = {
  readonly check: string;
  readonly state: "good" | "soon" | "wrong";
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
};

export const good = (check: string, text: string): Finding => ({ check, state: "good", text });

export const soon = (check: string, text: string, remedy: string): Finding => {
  return { check, state: "soon", text, remedy };
};

export const wrong = (check: string, text: string, remedy: string): Finding => {
  return { check, state: "wrong", text, remedy };
};

/** What a thrown error says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
