/** What one member may have waiting here: against a flood that fills the memory. */
export type InboxLimits = { readonly messages: number; readonly bytes: number };

const usualLimits: InboxLimits = { messages: 4_096, bytes: 32 * 1024 * 1024 };

type Line = { messages: Uint8Array[]; next: number; bytes: number };

/** Messages that arrived and were not looked at: a bounded line for each member, served in turn. */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #lines = new Map<string, Line>();
  #size = 0;

  constructor(limits: InboxLimits = usualLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** False: that member's line is full, and the message is dropped. */
  push(from: string, message: Uint8Array): boolean {
    const line = this.#lines.get(from) ?? { messages: [], next: 0, bytes: 0 };
    const { messages, bytes } = this.#limits;
    const count = line.messages.length - line.next;
    if (count >= messages || line.bytes + message.length > bytes) return false;
    line.messages.push(message);
    line.bytes += message.length;
    this.#lines.set(from, line);
    this.#size += 1;
    return true;
  }

  /** At most `count` messages, one of each member by turns: who sends much delays nobody else. */
  take(count: number): { readonly from: string; readonly message: Uint8Array }[] {
    const taken: { from: string; message: Uint8Array }[] = [];
    while (taken.length < count && this.#size > 0) {
      for (const [from, line] of this.#lines) {
        if (taken.length === count) break;
        const message = line.messages[line.next];
        if (message === undefined) continue;
        taken.push({ from, message });
        this.#size -= 1;
        line.bytes -= message.length;
        line.next += 1;
        if (line.next === line.messages.length) this.#lines.delete(from);
      }
    }
    return taken;
  }
}
