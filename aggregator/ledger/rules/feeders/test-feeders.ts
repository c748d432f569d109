import assert from "node:assert/strict";
import {
  type Certificate,
  chainStart,
  compareBytes,
  encodeHeader,
  encodeMessage,
  encodeStateProof,
  type FeederTerms,
  feederPurchaseTable,
  feederSaleTable,
  feederTrade,
  type Kind,
  type Message,
  microPerKwh,
  type Owner,
  quorum,
  type StateProof,
  sealFrame,
  toBeSigned,
  utcMs,
  wh,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { accountSums, balanceOf, moneyOf } from "../../accounts.ts";
import { Application } from "../../application.ts";
import { councilOf } from "../../council.ts";
import type { Genesis } from "../../genesis.ts";
import { proveState } from "../../prove.ts";
import { sha256 } from "../../sha256.ts";
import { Store } from "../../store.ts";
import {
  entry,
  lastGate,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { rememberingVerify } from "../../verified.ts";
import { feederPurchases, feederSales } from "./tables.ts";

/** Two consortia's ledgers with real certificates, for tests of trades between them. */

export const minute = 60_000;
/** The slot that is traded: open from the start, cleared at minute 50, begins at 60. */
export const slot = utcMs(startTime + 60 * minute);
const once = rememberingVerify(verify);

const owner = (id: string, party: Owner["party"]): Owner => {
  const { publicKey } = signerOfName(id);
  return { id, party, name: id, key: publicKey, boxKey: publicKey };
};

const voter = (id: string) => ({ id, key: signerOfName(id).publicKey });

/** `north` sells, `south` buys; on each an owner stands for the other, with the meter on the line. */
export function genesisOf(chain: "north" | "south"): Genesis {
  const party = chain === "north" ? (["seller", "company"] as const) : (["buyer", "user"] as const);
  const parties = [party, ["bureau-a", "bureau"], [`line-${chain}`, "company"]] as const;
  return testGenesis({
    parameters: {
      ...testGenesis().parameters,
      gates: [{ ...lastGate, openMinutesBefore: 170 }],
    },
    chain,
    site: chain,
    members: ["a", "b", "c", "d"].map((id) => {
      return { ...voter(`${chain}-${id}`), voting: true, role: "company" };
    }),
    owners: parties.map(([id, kind]) => owner(id, kind)),
    devices: parties.map(([id]) => ({
      id: `${id}-unit`,
      owner: id,
      key: signerOfName(`${id}-unit`).publicKey,
      meters: [{ id: `${id}-meter`, role: "connection", feeder: "feeder-1" }],
    })),
  });
}

export class Feeder {
  readonly chain: string;
  readonly store = new Store(":memory:");
  readonly application: Application;
  readonly genesis: Genesis;
  readonly #meters = new Map<string, MeterChain>();

  constructor(chain: "north" | "south") {
    this.chain = chain;
    this.genesis = genesisOf(chain);
    const { genesis } = this;
    this.application = new Application({ genesis, store: this.store, verify: once });
    this.application.initChain();
  }

  get state() {
    return this.store.state;
  }

  frame<K extends Kind>(name: string, kind: K, message: Message<K>): Uint8Array {
    return sealFrame(kind, message, { chain: this.chain, signer: signerOfName(name) });
  }

  /** A reading of an owner's connection meter. */
  reading(of: string, minutes: number, importWh: number, exportWh: number): Uint8Array {
    const meter = this.#meters.get(of) ?? chainOf(of, this.chain);
    this.#meters.set(of, meter);
    const batch = meter.batch(entry(startTime + minutes * minute, importWh, exportWh));
    return this.frame(`${of}-unit`, "readings", batch);
  }

  /** A block with these frames; returns the refused ones' codes. */
  block(minutes: number, ...frames: Uint8Array[]): string[] {
    const { application } = this;
    const { voters } = application.council();
    const { proposal, refused } = application.prepareProposal({
      time: utcMs(startTime + minutes * minute),
      proposer: voters[0]?.id ?? "",
      view: 0,
      frames,
    });
    const { header } = application.finalizeBlock(proposal);
    const signers = voters.slice(0, quorum(voters.length)).map(({ id }) => id);
    application.commit(certificateOf(header, signers));
    assert.ok(!application.due(utcMs(startTime + minutes * minute)), "what was due was done");
    assert.deepEqual(accountSums(this.state), { money: 0n, energyWh: 0n });
    return refused.map(({ refusal }) => refusal.code);
  }

  prove(key: string): StateProof {
    const proof = proveState(this.application, this.store, key);
    assert.ok(proof !== undefined);
    return proof;
  }

  /** The members decide to trust a chain. */
  trust(minutes: number, other: Feeder): void {
    this.agree(minutes, {
      nonce: sha256(Buffer.from(`${other.chain} ${minutes}`)).subarray(0, 16) as Uint8Array,
      member: `${this.chain}-a`,
      action: "trust",
      chain: other.chain,
      council: councilOf(other.state),
      via: `line-${this.chain}`,
    });
  }

  /** Moves something about a feeder, and three of four vote for it. */
  agree(minutes: number, message: Message<"feeder-motion">): void {
    this.#decide(minutes, "feeder-motion", message);
  }

  /** Another member takes a member's place: two changes, and as many epochs. */
  relieve(minutes: number, leaves: string, comes: string): void {
    const terms = { ...voter(comes), voting: true, role: "company" } as const;
    const nonce = new Uint8Array(16).fill(3);
    const request = this.frame(comes, "member-request", { nonce, terms });
    const by = { member: `${this.chain}-a` };
    const admit = { ...by, nonce, action: "admit", subject: comes, request } as const;
    this.#decide(minutes, "member-motion", admit);
    this.block(minutes + 1);
    this.block(minutes + 2);
    const remove = { ...by, nonce, action: "remove", subject: leaves } as const;
    this.#decide(minutes + 3, "member-motion", remove, ["b", "c", "e"]);
    this.block(minutes + 4);
    this.block(minutes + 5);
  }

  #decide<K extends "feeder-motion" | "member-motion">(
    minutes: number,
    kind: K,
    message: Message<K>,
    others = ["b", "c"],
  ): void {
    const motion = sha256(encodeMessage(kind, message));
    const ballots = others.map((id) => {
      const member = `${this.chain}-${id}`;
      return this.frame(member, "ballot", { motion, member, accept: true });
    });
    const moved = this.frame(`${this.chain}-a`, kind, message);
    assert.deepEqual(this.block(minutes, moved, ...ballots), []);
  }

  /** Who got money outside of the ledger: puts some on an owner's account. */
  pay(minutes: number, from: string, amount: number): void {
    const paid = { by: "bureau-a", from, version: 1, amount, purpose: "balance" } as never;
    assert.deepEqual(this.block(minutes, this.frame("bureau-a", "payment", paid)), []);
  }

  free(of: string): number {
    return balanceOf(this.state, of);
  }

  aside(of: string): number {
    return moneyOf(this.state, of, "escrow");
  }
}

function chainOf(of: string, chain: string): MeterChain {
  const meter = new MeterChain(of);
  meter.head = chainStart(chain, meter.meter);
  return meter;
}

export function certificateOf(
  header: Parameters<typeof encodeHeader>[0],
  names: readonly string[],
): Certificate {
  return names
    .map(signerOfName)
    .map(({ kid, sign }) => {
      const about = { chain: header.chain, kind: "block" } as const;
      return { kid, signature: sign(toBeSigned(encodeHeader(header), kid, about)) };
    })
    .sort((a, b) => compareBytes(a.kid, b.kid));
}

export const termsOf = (changes: Partial<FeederTerms> = {}): FeederTerms => ({
  nonce: new Uint8Array(16).fill(1),
  sellerChain: "north",
  seller: "seller",
  buyerChain: "south",
  slot,
  slotMinutes: 60,
  energy: wh(2_000),
  price: microPerKwh(500_000),
  bond: microPerKwh(100_000),
  confirmBy: utcMs(slot - 5 * minute),
  deliverBy: utcMs(slot + 120 * minute),
  payBy: utcMs(slot + 180 * minute),
  closeBy: utcMs(slot + 240 * minute),
  ...changes,
});

/** Two feeders that trust each other, their slot open, with money on both sides. */
export class Pair {
  readonly north = new Feeder("north");
  readonly south = new Feeder("south");

  constructor() {
    const { north, south } = this;
    north.block(0, north.reading("seller", 0, 0, 0), north.reading("line-north", 0, 0, 0));
    south.block(0, south.reading("buyer", 0, 0, 0), south.reading("line-south", 0, 0, 0));
    north.trust(11, south);
    south.trust(11, north);
    north.pay(12, "seller", 1_000_000);
    south.pay(12, "buyer", 5_000_000);
  }

  offer(minutes: number, terms = termsOf()): string {
    const { north } = this;
    assert.deepEqual(north.block(minutes, north.frame("seller", "feeder-offer", { terms })), []);
    return feederTrade(terms);
  }

  saleProof = (trade: string) => this.north.prove(`${feederSaleTable}/${trade}`);
  purchaseProof = (trade: string) => this.south.prove(`${feederPurchaseTable}/${trade}`);

  accept(minutes: number, trade: string): string[] {
    const proof = encodeStateProof(this.saleProof(trade));
    const { south } = this;
    return south.block(minutes, south.frame("buyer", "feeder-accept", { buyer: "buyer", proof }));
  }

  /** Brings the present entry of one chain to the other. */
  toNorth(minutes: number, trade: string): string[] {
    return this.show(this.north, minutes, this.purchaseProof(trade));
  }

  toSouth(minutes: number, trade: string): string[] {
    return this.show(this.south, minutes, this.saleProof(trade));
  }

  show(to: Feeder, minutes: number, proof: StateProof, steps: Uint8Array[] = []): string[] {
    const chain = to === this.north ? "south" : "north";
    const message = { chain, steps, proof: encodeStateProof(proof) };
    return to.block(minutes, to.frame(`${to.chain}-d`, "feeder-proof", message));
  }

  /** Up to where the seller is bound. */
  bound(terms = termsOf()): string {
    const trade = this.offer(15, terms);
    assert.deepEqual(this.accept(16, trade), []);
    assert.deepEqual(this.toNorth(17, trade), []);
    return trade;
  }

  /** Lets the slot be metered on both sides of the line. */
  deliver(northWh = 2_000, southWh = 2_000): void {
    const { north, south } = this;
    for (const one of [north, south]) {
      for (const at of [41, 51]) one.block(at);
    }
    north.block(61, north.reading("seller", 60, 0, 0), north.reading("line-north", 60, 0, 0));
    south.block(61, south.reading("buyer", 60, 0, 0), south.reading("line-south", 60, 0, 0));
    north.block(
      121,
      north.reading("seller", 120, 0, 2_000),
      north.reading("line-north", 120, northWh, 0),
    );
    south.block(
      121,
      south.reading("buyer", 120, 2_000, 0),
      south.reading("line-south", 120, 0, southWh),
    );
  }

  sale = (trade: string) => feederSales.get(this.north.state, trade);
  purchase = (trade: string) => feederPurchases.get(this.south.state, trade);
}
