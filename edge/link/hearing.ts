import {
  decodeStateProof,
  type ProvenDemand,
  type Refusal,
  type ReleaseState,
  type StateProof,
  verifyDemandProof,
  verifyReleaseProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { Counters } from "../status/counters.ts";
import type { Councils } from "./councils.ts";

/** Told of what a certified block holds. */
export type Hearers = {
  /** Of an order of demand response to this unit. */
  readonly onOrder?: (proven: ProvenDemand) => void;
  /** Of the release that units may install. */
  readonly onRelease?: (state: ReleaseState, at: { height: number; time: number }) => void;
};

type HearingOptions = Hearers & {
  readonly councils: Councils;
  readonly counters: Counters;
  readonly log: Logger;
};

/** Takes entries of the ledger that come over a broker: proven ones are told of, all others counted. */
export class Hearing {
  readonly #options: HearingOptions;

  constructor(options: HearingOptions) {
    this.#options = options;
  }

  order(payload: Uint8Array): void {
    const proven = this.#proven("order", payload, (proof) =>
      verifyDemandProof(proof, this.#membership(proof), verify),
    );
    if (proven !== undefined) this.#options.onOrder?.(proven.checked);
  }

  release(payload: Uint8Array): void {
    const proven = this.#proven("release", payload, (proof) =>
      verifyReleaseProof(proof, this.#membership(proof), verify),
    );
    if (proven === undefined) return;
    const { height, time } = proven.proof.header;
    this.#options.onRelease?.(proven.checked.state, { height, time });
  }

  #membership({ header }: StateProof) {
    return this.#options.councils.membershipAt(header.height);
  }

  #proven<T extends { readonly ok: true }>(
    what: string,
    payload: Uint8Array,
    check: (proof: StateProof) => T | Refusal,
  ): { readonly proof: StateProof; readonly checked: T } | undefined {
    const { counters, log } = this.#options;
    const decoded = decodeStateProof(payload);
    const checked = decoded.ok ? check(decoded.proof) : decoded;
    if (decoded.ok && checked.ok) return { proof: decoded.proof, checked };
    const { code, message } = checked as Refusal;
    counters.count(code);
    log.warn({ code, message }, `${what} not proven`);
    return undefined;
  }
}
