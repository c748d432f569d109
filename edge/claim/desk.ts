import { existsSync } from "node:fs";
import { compareBytes, type Owner } from "@busbar/protocol";
import { publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { brokersOf } from "../config/brokers.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { MembershipFile } from "../config/membership-file.ts";
import { openDeviceKey } from "../journal/device-key.ts";
import type { Counters } from "../status/counters.ts";
import { pendingPath, sealedPath } from "./card.ts";
import type { ClaimStatus } from "./claim-status.ts";
import { Claiming } from "./claiming.ts";
import { readPending } from "./pending.ts";
import { shred } from "./shred.ts";

/** How often a unit that is not known yet looks for a code that was entered, wall ms. */
const usualLookMs = 2_000;

export type DeskOptions = {
  readonly config: LoadedConfig;
  readonly counters: Counters;
  readonly log: Logger;
  /** Undefined while there is none. */
  readonly membership: () => MembershipFile | undefined;
  /** Whether the unit itself has had a receipt: then the ledger knows it. */
  readonly isKnown: () => boolean;
  readonly lookMs?: number;
};

/** Looks after a unit's label: waits for its code, asks the ledger, and shreds what is of no use any more. */
export class ClaimDesk {
  readonly #options: DeskOptions;
  #claiming: Claiming | undefined;
  /** The label's that is asked with. */
  #seed: Uint8Array | undefined;
  #taken: ClaimStatus | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Undefined for a unit that has nothing to do with a label. */
  get status(): ClaimStatus | undefined {
    const { home } = this.#options.config;
    if (this.#taken !== undefined) return this.#taken;
    if (this.#claiming !== undefined) return this.#claiming.status;
    if (existsSync(sealedPath(home))) return { state: "code" };
    if (!existsSync(pendingPath(home))) return undefined;
    const problem = "there is no membership.json yet, which says where the brokers are";
    return { state: "asking", label: "", until: undefined, problem };
  }

  start(): void {
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#claiming?.stop();
  }

  #look(): void {
    if (this.#stopped) return;
    try {
      const { config, isKnown } = this.#options;
      if (!isKnown()) this.#begin();
      // Secrets that are still sealed wait for the code all the same.
      else if (!existsSync(sealedPath(config.home))) return void this.#end();
    } catch (error) {
      this.#options.counters.count("claim.pending");
      this.#options.log.error({ err: error }, "the claim cannot be made");
    }
    this.#timer = setTimeout(() => this.#look(), this.#options.lookMs ?? usualLookMs);
  }

  /** Asks for the code that was entered last: a label that is over may have been followed by another one. */
  #begin(): void {
    const { config, counters, log, membership } = this.#options;
    const known = membership();
    const pending = known === undefined ? undefined : readPending(config.home);
    if (known === undefined || pending === undefined) return;
    if (this.#seed !== undefined && compareBytes(this.#seed, pending.seed) === 0) return;
    void this.#claiming?.stop();
    this.#seed = pending.seed;
    const claiming = new Claiming({
      ...{ chain: config.site, membership: known, brokers: brokersOf(config, known) },
      ...{ pending, claim: claimOf(config), counters, log },
      onTaken: () => {
        this.#taken = claiming.status;
        void this.#end();
      },
    });
    this.#claiming = claiming;
    claiming.start();
  }

  /** The ledger knows the unit: neither the label's key nor what was sealed is of use to it. */
  async #end(): Promise<void> {
    clearTimeout(this.#timer);
    const claiming = this.#claiming;
    this.#claiming = undefined;
    this.#stopped = true;
    shred(pendingPath(this.#options.config.home));
    await claiming?.stop();
  }
}

/** What the unit is to be taken in with; the owner's entry where its key is at hand. */
export function claimOf({ device, owner, meters }: LoadedConfig) {
  const { key } = publicKeysOf(openDeviceKey(device.key));
  const entry = ownerOf(owner);
  return {
    device: {
      ...{ id: device.id, owner: owner.id, key },
      meters: meters.map(({ id, role, form, feeder }) => ({
        ...{ id, role, feeder },
        ...(form === undefined ? {} : { form }),
      })),
    },
    ...(entry === undefined ? {} : { owner: entry }),
  };
}

function ownerOf({ id, party, name, key: path }: LoadedConfig["owner"]): Owner | undefined {
  if (path === undefined || !existsSync(path)) return undefined;
  return { id, party, name, ...publicKeysOf(readKeyFile(path)) };
}
