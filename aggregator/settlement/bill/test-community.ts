import {
  type BlockHeader,
  type Certificate,
  chainHeads,
  chainStart,
  encodeHeader,
  type GridSegment,
  type Kind,
  type Message,
  microPerKwh,
  type Owner,
  type QuoteTerms,
  type Signer,
  sealFrame,
  sealQuotes,
  toBeSigned,
  utcMs,
  type Verify,
  wh,
} from "@busbar/protocol";
import { verify as verifyNow } from "@busbar/protocol/node";
import { Application } from "../../ledger/application.ts";
import type { CommittedBlock } from "../../ledger/block.ts";
import type { Genesis } from "../../ledger/genesis.ts";
import { OpenedFrame, openedFrame } from "../../ledger/opened-frame.ts";
import type { Parameters } from "../../ledger/parameters.ts";
import { Store } from "../../ledger/store.ts";
import { chain, entry, signerOfName, testGenesis } from "../../ledger/test-site.ts";

/** A virtual community that trades and settles on a real ledger, for the tests of bills and their benchmark. */

const minute = 60_000;

/** One gate before each slot, near to it. */
const nearGate = (slotMinutes: number) =>
  ({
    scale: "real-time",
    periodMinutes: slotMinutes,
    openMinutesBefore: 13,
    gateMinutesBefore: 9,
    clearMinutesBefore: 5,
    rounds: 1,
    everyMinutes: 0,
  }) as const;

export const communityGrid: readonly GridSegment[] = [
  { feeder: "north", fee: microPerKwh(10_000) },
  { feeder: "south", fee: microPerKwh(20_000), operator: "home-1" },
];

/** What the community's parties owe besides their energy: one of each sort. */
export const communityCharges = [
  { id: "metering", sort: "fee", on: "import", rate: 5_000, to: "bureau-a" },
  { id: "energy-levy", sort: "levy", on: "import", rate: 20_500 },
  { id: "feed-in-fee", sort: "fee", on: "export", rate: 1_000 },
  { id: "vat", sort: "tax", on: "cost", rate: 190 },
] as const;

export type CommunityOptions = {
  readonly owners: number;
  /** Start of the first slot. */
  readonly from: number;
  readonly slotMinutes?: number;
  readonly parameters?: Partial<Parameters>;
  readonly store?: Store;
  readonly verify?: Verify;
  /** Its companies' connections are plants of the sun, whose energy is certified. */
  readonly sunny?: boolean;
};

/** What a party does in a slot: what its meter shows, and what it quotes; 0: nothing. */
export type Deed = {
  readonly importWh: number;
  readonly exportWh: number;
  /** Above 0 it asks, below 0 it bids. */
  readonly quoteWh: number;
  readonly limit: number;
};

export class Community {
  readonly genesis: Genesis;
  readonly store: Store;
  readonly application: Application;
  readonly owners: readonly string[];
  readonly slotMs: number;
  readonly #signers = new Map<string, Signer>();
  readonly #meters = new Map<
    string,
    { next: number; head: Uint8Array; importWh: number; exportWh: number }
  >();
  #names = 0;

  constructor({
    owners,
    from,
    slotMinutes = 15,
    parameters = {},
    store,
    verify,
    sunny = false,
  }: CommunityOptions) {
    this.owners = Array.from({ length: owners }, (_, i) => `home-${i + 1}`);
    this.slotMs = slotMinutes * minute;
    this.genesis = this.#genesisOf(from, { slotMinutes, sunny, changes: parameters });
    this.store = store ?? new Store(":memory:");
    this.application = new Application({
      genesis: this.genesis,
      store: this.store,
      verify: verify ?? verifyNow,
    });
    if (!this.application.info().begun) this.application.initChain();
  }

  #genesisOf(
    from: number,
    {
      slotMinutes,
      sunny,
      changes,
    }: {
      readonly slotMinutes: number;
      readonly sunny: boolean;
      readonly changes: Partial<Parameters>;
    },
  ): Genesis {
    const small = testGenesis();
    const bureau = small.owners.filter(({ party }) => party === "bureau");
    const homes = this.owners.map((id, i): Owner => {
      const key = this.signer(id).publicKey;
      return {
        id,
        party: i % 4 === 0 ? "company" : "user",
        name: `Home ${i + 1}`,
        key,
        boxKey: key,
      };
    });
    return testGenesis({
      time: utcMs(from - 60 * minute),
      owners: [...bureau, ...homes],
      devices: this.owners.map((owner, i) => ({
        id: `${owner}-unit`,
        owner,
        key: this.signer(`${owner}-unit`).publicKey,
        meters: [
          {
            id: `${owner}-meter`,
            role: "connection",
            feeder: i % 2 === 0 ? "north" : "south",
            ...(sunny && i % 4 === 0 ? { form: "solar" as const } : {}),
          },
        ],
      })),
      parameters: {
        ...small.parameters,
        slotMinutes,
        gates: [nearGate(slotMinutes)],
        grid: communityGrid,
        charges: communityCharges,
        imbalanceGrowthPermille: 200,
        provisionalMinutes: 120,
        ...changes,
      } as Genesis["parameters"],
    });
  }

  signer(name: string): Signer {
    const known = this.#signers.get(name) ?? signerOfName(name);
    this.#signers.set(name, known);
    return known;
  }

  seal<K extends Kind>(name: string, kind: K, message: Message<K>): Uint8Array {
    return sealFrame(kind, message, { chain, signer: this.signer(name) });
  }

  /** Runs a block; all frames have to be taken. */
  block(time: number, frames: readonly Uint8Array[]): CommittedBlock {
    const { application } = this;
    const about = { time: utcMs(time), proposer: "member-a", view: 0, frames };
    const { proposal, refused } = application.prepareProposal(about);
    const [first] = refused;
    if (first !== undefined) throw new Error(`${first.refusal.code}: ${first.refusal.message}`);
    const { header } = application.finalizeBlock(proposal);
    return application.commit(this.#certify(header));
  }

  #certify(header: BlockHeader): Certificate {
    const signer = this.signer("member-a");
    const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
    return [{ kid: signer.kid, signature: signer.sign(message) }];
  }

  /** The next reading of a party's meter, signed: its registers after so much more flowed. */
  reading(owner: string, time: number, flow: Pick<Deed, "importWh" | "exportWh">): Uint8Array {
    return this.batch(owner, [{ time, ...flow }]);
  }

  /** The next readings of a party's meter in one signed batch. */
  batch(
    owner: string,
    flows: readonly ({ readonly time: number } & Pick<Deed, "importWh" | "exportWh">)[],
  ): Uint8Array {
    const id = `${owner}-meter`;
    const begun = { next: 1, head: chainStart(chain, id), importWh: 5_000, exportWh: 700 };
    const meter = this.#meters.get(owner) ?? begun;
    let { importWh, exportWh } = meter;
    const entries = flows.map((flow) => {
      importWh += flow.importWh;
      exportWh += flow.exportWh;
      return entry(flow.time, importWh, exportWh);
    });
    const message = { meter: id, first: meter.next, prev: meter.head, entries };
    const head = chainHeads(meter.head, entries);
    this.#meters.set(owner, { next: meter.next + entries.length, head, importWh, exportWh });
    return this.seal(`${owner}-unit`, "readings", message);
  }

  /** A quote of a party for a slot: sealed and opened. */
  quote(owner: string, slot: number, { quoteWh, limit }: Pick<Deed, "quoteWh" | "limit">) {
    this.#names += 1;
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, this.#names);
    const salt = new Uint8Array(32).fill(this.#names & 255);
    const terms: QuoteTerms = {
      side: quoteWh > 0 ? "ask" : "bid",
      form: quoteWh > 0 ? "solar" : "any",
      quantity: wh(Math.abs(quoteWh)),
      limit: microPerKwh(limit),
    };
    const about = { id, owner, slot: utcMs(slot), gate: utcMs(slot - 9 * minute) };
    const hash = sealQuotes(about, [terms], salt);
    return {
      seal: this.seal(owner, "quote-commit", { ...about, hash }),
      open: this.seal(owner, "quote-reveal", { id, quotes: [terms], salt }),
    };
  }

  /** Quotes, opens and clears a slot. */
  trade(slot: number, deedOf: (owner: string, slot: number) => Deed): void {
    const quotes = this.owners.flatMap((owner) => {
      const deed = deedOf(owner, slot);
      return deed.quoteWh === 0 ? [] : [this.quote(owner, slot, deed)];
    });
    this.block(slot - 13 * minute, []);
    this.block(
      slot - 11 * minute,
      quotes.map(({ seal }) => seal),
    );
    this.block(
      slot - 8 * minute,
      quotes.map(({ open }) => open),
    );
    this.block(slot - 5 * minute, []);
  }

  /** The meters' readings at a slot's end; those of `silent` are left out. */
  readings(
    slot: number,
    deedOf: (owner: string, slot: number) => Deed,
    silent: readonly string[] = [],
  ): Uint8Array[] {
    const end = slot + this.slotMs;
    return this.owners
      .filter((owner) => !silent.includes(owner))
      .map((owner) => this.reading(owner, end, deedOf(owner, slot)));
  }

  /**
   * Lives slots from `from` on: each is traded, and its meters report at its end. `silent` says whose do
   * not.
   */
  live(
    from: number,
    count: number,
    deedOf: (owner: string, slot: number) => Deed = usualDeed,
    silent: (slot: number) => readonly string[] = () => [],
  ): void {
    const none = { importWh: 0, exportWh: 0 };
    this.block(from - 50 * minute, []);
    for (let i = 0; i <= count; i++) {
      const slot = from + i * this.slotMs;
      if (i < count) this.trade(slot, deedOf);
      const frames =
        i === 0
          ? this.owners.map((owner) => this.reading(owner, from, none))
          : this.readings(slot - this.slotMs, deedOf, silent(slot - this.slotMs));
      this.block(slot + minute, frames);
    }
  }

  /** Whether a frame's maker signed it, by its key. */
  isSigned(frame: Uint8Array): boolean {
    const { opened } = openedFrame(frame);
    if (!opened.ok) return false;
    const signer = this.application.registry.byKeyId(opened.frame.envelope.kid);
    return signer !== undefined && new OpenedFrame(frame).isSignedBy(signer.key, chain, verifyNow);
  }

  get members() {
    const { members } = this.genesis;
    return members.map(({ id, key, voting }) => ({ id, key, voting }));
  }
}

/** A day's curve for each party: the sun for companies, the evening for all; the same in every run. */
export function usualDeed(owner: string, slot: number): Deed {
  const number = Number(owner.slice("home-".length));
  const hour = (slot / 3_600_000) % 24;
  const noise = ((number * 7919 + Math.floor(slot / 900_000) * 104_729) % 997) / 997;
  const sun = number % 4 === 1 ? Math.max(0, 1 - ((hour - 12) / 6) ** 2) * 3_000 : 0;
  const load = 150 + 350 * noise + (hour > 17 && hour < 22 ? 300 : 0);
  const net = Math.round(sun * (0.7 + 0.3 * noise) - load);
  const planned = Math.round(net * (0.93 + 0.14 * noise));
  return {
    importWh: Math.max(0, -net) + 10,
    exportWh: Math.max(0, net) + 10,
    quoteWh: planned,
    limit: planned > 0 ? 420_000 : 690_000,
  };
}
