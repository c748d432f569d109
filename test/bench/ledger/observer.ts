import type { Signer, Verify } from "@busbar/protocol";
import type { Links } from "../../../aggregator/consensus/links/links.ts";
import type { Store } from "../../../aggregator/ledger/store.ts";

/** What a member did, and when: ms of the machine's monotonic clock, the same in all its processes. */
export type Mark = { readonly at: number; readonly what: string };

/** What a member did in all; `writes` are transactions, each with its fsync. */
export type Counts = {
  readonly writes: number;
  readonly writeMs: number;
  readonly checks: number;
  readonly signatures: number;
  readonly sent: number;
  readonly sentBytes: number;
  readonly userMs: number;
  readonly systemMs: number;
};

export const clockMs = (): number => Number(process.hrtime.bigint()) / 1e6;

type Observed = Pick<Links, "send" | "flush" | "onMessage">;

/** Watches what a member does at its edges: disk, links, signatures. */
export class Observer {
  #marks: Mark[] = [];
  readonly #counts = { writes: 0, writeMs: 0, checks: 0, signatures: 0, sent: 0, sentBytes: 0 };
  readonly #peers: number;

  /** `peers`: how many hear what is said to all. */
  constructor(peers: number) {
    this.#peers = peers;
  }

  get counts(): Counts {
    const { user, system } = process.cpuUsage();
    return { ...this.#counts, userMs: user / 1000, systemMs: system / 1000 };
  }

  /** Those since the last call. */
  marks(): Mark[] {
    return this.#marks.splice(0);
  }

  verify(verify: Verify): Verify {
    return (...signed) => {
      this.#counts.checks += 1;
      return verify(...signed);
    };
  }

  signer(signer: Signer): Signer {
    return {
      ...signer,
      sign: (message) => {
        this.#counts.signatures += 1;
        return signer.sign(message);
      },
    };
  }

  store(store: Store): void {
    const { write } = store;
    store.write = (body) => {
      const start = clockMs();
      const made = write.call(store, body) as ReturnType<typeof body>;
      const end = clockMs();
      this.#counts.writes += 1;
      this.#counts.writeMs += end - start;
      this.#mark("write", start);
      this.#mark("written", end);
      return made;
    };
  }

  links(links: Observed): Observed {
    return {
      flush: () => links.flush?.(),
      send: (to, message) => {
        const times = to === "all" ? this.#peers : 1;
        this.#counts.sent += times;
        this.#counts.sentBytes += times * message.length;
        this.#mark(`send ${nameOf(message)}`);
        links.send(to, message);
      },
      onMessage: (listener) =>
        links.onMessage((from, message) => {
          this.#mark(`hear ${nameOf(message)}`);
          listener(from, message);
        }),
    };
  }

  #mark(what: string, at = clockMs()): void {
    this.#marks.push({ at, what });
  }
}

/** A message's name, from its CBOR `[name, body]`; of a vote its phase too. */
function nameOf(message: Uint8Array): string {
  const length = (message[1] ?? 0) & 0x1f;
  const name = Buffer.from(message.subarray(2, 2 + length)).toString("latin1");
  if (name !== "vote") return name;
  return Buffer.from(message.subarray(7, 24)).toString("latin1").includes("commit")
    ? "commit"
    : "prepare";
}
