import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pino } from "pino";
import { Link } from "../../edge/link/link.ts";
import { Counters } from "../../edge/status/counters.ts";
import { brokerKinds, brokerMissing, ExternalBroker } from "../support/external-brokers.ts";
import { signers, site, testBroker } from "../support/test-broker.ts";
import { until } from "../support/virtual-site.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-duplicates-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let session = 0;

/** A unit without meters that signs in as d1. Two of them are a copied memory card. */
function unit(url: string): { readonly link: Link; readonly counters: Counters } {
  const counters = new Counters();
  const link = new Link({
    chain: site,
    device: "d1",
    signer: signers.d1,
    membership: { chain: site, members: [{ id: "m1", key: signers.m1.publicKey, voting: true }] },
    brokers: [{ url, allowPlainText: false }],
    outboxes: [],
    nextSession: () => {
      session += 1;
      return session;
    },
    birth: () => ({}),
    counters,
    log: pino({ level: "silent" }),
    backOff: { msMin: 20, msMax: 100 },
    rivalBackOff: { msMin: 3_600_000, msMax: 3_600_000 },
  });
  return { link, counters };
}

for (const kind of ["our own broker", ...brokerKinds] as const) {
  test(`two units with one id on ${kind} are told of each other, and one waits`, {
    skip: kind === "our own broker" ? false : brokerMissing[kind],
  }, async (context) => {
    const url = await start();
    const units = [unit(url), unit(url)];
    context.after(() => Promise.all(units.map(({ link }) => link.stop())));
    for (const { link } of units) link.start();
    const told = await until("one is told", () =>
      units.find(({ link }) => link.status.problem?.code === "link.duplicate-client"),
    );
    assert.match(
      told.link.status.problem?.message ?? "",
      /^another unit signs in as d1: host \S+ at 127\.0\.0\.1; this one is host \S+ at 127\.0\.0\.1$/,
    );
    // Whoever is thrown out next knows it too, or is the one that was told already.
    const connected = () => units.filter(({ link }) => link.status.connected).length;
    await until("one has the connection", () => (connected() === 1 ? true : undefined));

    async function start(): Promise<string> {
      if (kind === "our own broker") {
        const broker = await testBroker();
        context.after(() => broker.stop());
        return `mqtt://127.0.0.1:${broker.port}`;
      }
      const broker = await ExternalBroker.start(kind, join(folder, kind));
      context.after(() => broker.kill());
      return broker.url;
    }
  });

  test(`a unit that is started again and again on ${kind} is no rival of itself`, {
    skip: kind === "our own broker" ? false : brokerMissing[kind],
  }, async (context) => {
    const own = kind === "our own broker" ? await testBroker() : undefined;
    const other =
      kind === "our own broker"
        ? undefined
        : await ExternalBroker.start(kind, join(folder, `${kind}-again`));
    context.after(async () => {
      await own?.stop();
      await other?.kill();
    });
    const url = other?.url ?? `mqtt://127.0.0.1:${own?.port}`;
    for (let start = 0; start < 3; start++) {
      const { link, counters } = unit(url);
      link.start();
      await until("it is connected", () => (link.status.connected ? true : undefined));
      assert.equal(counters.of("link.duplicate-client"), 0);
      await link.stop();
    }
  });
}
