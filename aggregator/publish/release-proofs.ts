import { encodeStateProof, releaseKey, type StateProof, topicsOf } from "@busbar/protocol";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { CommittedBlock } from "../ledger/block.ts";

type Options = {
  readonly site: string;
  /** Proves a key of the last committed state; undefined before a block. */
  readonly prove: (key: string) => StateProof | undefined;
  readonly publish: Broker["publish"];
  readonly log: Logger;
};

/** Site time after which it is said again: units take no old word for the present one. */
const againMs = 10 * 60_000;

/**
 * Tells units which program they may install: the ledger's entry, proven, retained for those who come
 * later. It is said again when it changed, and now and then, so that nobody can pass off an old one.
 */
export class ReleaseProofs {
  readonly #options: Options;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: Options) {
    this.#options = options;
  }

  /** What has to stand on a broker that starts with an empty memory. */
  start(time: number): void {
    this.#tell(time);
  }

  committed({ header, events }: Pick<CommittedBlock, "header" | "events">): void {
    const changed = events.some(
      (event) =>
        event.type === "release-decided" ||
        event.type === "release-stopped" ||
        (event.type === "unit-reported" && event.release !== null),
    );
    if (changed || header.time - this.#toldAt >= againMs) this.#tell(header.time);
  }

  #tell(time: number): void {
    const { site, prove, publish, log } = this.#options;
    this.#toldAt = time;
    const proof = prove(releaseKey);
    // A site that never had a release has nothing to say of one.
    if (proof?.value === undefined) return;
    const topic = topicsOf(site).releases;
    publish(topic, encodeStateProof(proof), { qos: 1, retain: true }).catch((error) => {
      // It is said again with the next change, or in a while.
      log.warn({ event: "release-not-sent", topic, err: error });
    });
  }
}
