import {
  demandTable,
  encodeStateProof,
  parseTopic,
  type StateProof,
  topicsOf,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { demands } from "../ledger/demand.ts";
import type { StateReader } from "../ledger/state/state.ts";

type Options = {
  readonly site: string;
  readonly state: StateReader;
  /** Proves a key of the last committed state; undefined before a block. */
  readonly prove: (key: string) => StateProof | undefined;
  readonly publish: Broker["publish"];
  readonly log: Logger;
};

/**
 * Brings orders of demand response to the units that are to carry them out: each as its entry on the
 * ledger, proven, on the unit's `commands` topic. A unit that listens anew is told of all that are open.
 */
export class DemandProofs {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  committed({ events }: Pick<CommittedBlock, "events">): void {
    for (const event of events) {
      // Ends are told, too: a unit that was at it may let go.
      if (event.type === "demand-ordered" || event.type === "demand-answered") {
        this.#tell(event.device, event.order);
      }
    }
  }

  subscribed(topic: string): void {
    const { site, state } = this.#options;
    const meaning = parseTopic(site, topic);
    if (meaning?.of !== "device" || meaning.name !== "commands") return;
    for (const [order, { device, status }] of demands.scan(state)) {
      const isOpen = status === "offered" || status === "contracted" || status === "acknowledged";
      if (isOpen && device === meaning.id) this.#tell(device, order);
    }
  }

  #tell(device: string, order: string): void {
    const { site, prove, publish, log } = this.#options;
    const proof = prove(`${demandTable}/${order}`);
    if (proof === undefined) return;
    const topic = topicsOf(site).commands(device);
    publish(topic, encodeStateProof(proof), { qos: 1 }).catch((error) => {
      // The unit hears of it again when it subscribes anew.
      log.warn({ event: "order-not-sent", topic, err: error });
    });
  }
}
