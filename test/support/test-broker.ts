import { verify } from "@busbar/protocol/node";
import { pino } from "pino";
import { type Broker, type BrokerOptions, startBroker } from "../../aggregator/broker/broker.ts";
import type { Identity } from "../../aggregator/ledger/registry.ts";
import {
  deviceIdentity,
  memberIdentity,
  memoryRegistry,
  ownerIdentity,
  testSigner,
} from "./memory-registry.ts";

/** The site that the broker's tests play on. */
export const site = "site";

/** Keys of its identities: two devices, their owners, an onlooker and two members. */
export const signers = {
  d1: testSigner(1),
  d2: testSigner(2),
  o1: testSigner(3),
  o2: testSigner(4),
  op: testSigner(5),
  m1: testSigner(6),
  m2: testSigner(7),
} as const;

export const identities: readonly Identity[] = [
  deviceIdentity("d1", signers.d1, "o1"),
  deviceIdentity("d2", signers.d2, "o2"),
  ownerIdentity("o1", signers.o1, "company"),
  ownerIdentity("o2", signers.o2, "user"),
  ownerIdentity("op", signers.op, "operator"),
  memberIdentity("m1", signers.m1),
  memberIdentity("m2", signers.m2),
];

export const registry = memoryRegistry(identities);

/** A real broker on a free loopback port; what it would take in is dropped unless asked otherwise. */
export function testBroker(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  return startBroker({
    host: "127.0.0.1",
    port: 0,
    id: "m1",
    chain: site,
    site,
    registry,
    verify,
    ingest: () => Promise.resolve(),
    now: () => Date.now(),
    log: pino({ level: "silent" }),
    ...options,
  });
}
