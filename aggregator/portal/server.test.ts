import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CouncilChain, decodeStateProof, Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { pino } from "pino";
import { PortalSite, portalSiteStart } from "../../test/support/portal-site.ts";
import type { ConsensusStatus } from "../consensus/status.ts";
import { firstCouncil } from "../ledger/council.ts";
import { Store } from "../ledger/store.ts";
import { CouncilStory, councilGenesis } from "../ledger/test-councils.ts";
import type { PortalEvent, PortalSource } from "./api.ts";
import { buildPortal } from "./build.ts";
import { EventStreams, streamLimits } from "./event-stream.ts";
import { LedgerSource } from "./ledger-source.ts";
import { sqliteReader } from "./model/sqlite.ts";
import { limitMax } from "./query.ts";
import { portalReadModel } from "./read-model.ts";
import { makePortal, type Portal, type PortalOptions, startPortal } from "./server.ts";

const hour = 3_600_000;
const page = mkdtempSync(join(tmpdir(), "busbar-portal-"));
const log = pino({ level: "silent" });
const site = new PortalSite();
site.runUntil(portalSiteStart + 4 * hour);

before(() => buildPortal(page));
after(() => rmSync(page, { recursive: true, force: true }));

async function inject(url: string, source: PortalSource = site.source) {
  const streams = new EventStreams(streamLimits);
  const app = await makePortal({ source, streams, log, page, open: true });
  const answer = await app.inject({ url });
  streams.close();
  await app.close();
  return answer;
}

/** The site's source with some of its answers changed. */
function sourceWith(changes: Partial<PortalSource>): PortalSource {
  const { source } = site;
  return {
    status: () => source.status(),
    slots: (limit) => source.slots(limit),
    trades: (asked) => source.trades(asked),
    blocks: (asked) => source.blocks(asked),
    meters: () => source.meters(),
    gates: () => source.gates(),
    membership: () => source.membership(),
    councilSteps: (after, limit) => source.councilSteps(after, limit),
    subscribe: (listener) => source.subscribe(listener),
    ...changes,
  };
}

function start(options: Partial<PortalOptions> = {}): Promise<Portal> {
  return startPortal({
    host: "127.0.0.1",
    port: 0,
    open: true,
    source: site.source,
    log,
    page,
    ...options,
  });
}

test("the API answers what the source says, field by field", async () => {
  const { source } = site;
  const expected = {
    status: source.status(),
    slots: source.slots(24),
    trades: source.trades({ limit: 50 }),
    blocks: source.blocks({ limit: 20 }),
    meters: source.meters(),
    gates: source.gates(),
    membership: source.membership(),
    "council-steps": source.councilSteps(0, 100),
  };
  for (const [name, value] of Object.entries(expected)) {
    const answer = await inject(`/api/${name}`);
    assert.equal(answer.statusCode, 200, name);
    assert.deepEqual(answer.json(), value, name);
    assert.equal(answer.headers["cache-control"], "no-store");
  }
  assert.deepEqual((await inject("/health")).json(), { ok: true });
});

test("a limit of 1 to 500 is honoured, anything else is refused with the reason", async () => {
  assert.equal((await inject("/api/blocks?limit=3")).json().length, 3);
  assert.equal((await inject(`/api/blocks?limit=${limitMax}`)).statusCode, 200);
  for (const bad of ["0", "501", "-1", "1.5", "1e2", " 5", "5 ", "abc", "", "0x10", "NaN", "٣"]) {
    const answer = await inject(`/api/blocks?limit=${encodeURIComponent(bad)}`);
    assert.equal(answer.statusCode, 400, bad);
    assert.deepEqual(answer.json(), {
      code: "portal.query",
      message: `limit: expected one whole number from 1 to 500, got ${JSON.stringify(bad)}`,
    });
  }
  assert.equal((await inject("/api/blocks?limit=1&limit=2")).json().code, "portal.query");
  const unknown = await inject("/api/status?limit=5");
  assert.equal(unknown.statusCode, 400);
  assert.equal(unknown.json().code, "portal.query-unknown");
});

test("whoever has an old membership follows the steps, page by page, to the present one", async () => {
  const { store, application } = CouncilStory.told(new Store(":memory:", [portalReadModel]));
  const source = new LedgerSource({
    store,
    model: sqliteReader(store.db),
    member: "member-a",
    clock: { now: () => 0, speed: 1 },
    notices: () => site.notices,
    consensus: () => site.consensus,
  });
  const councils = new CouncilChain(councilGenesis.chain, firstCouncil(councilGenesis.members));
  for (;;) {
    const url = `/api/council-steps?after=${councils.newest.epoch}&limit=3`;
    const page: { epoch: number; proof: string }[] = (await inject(url, source)).json();
    if (page.length === 0) break;
    for (const { epoch, proof } of page) {
      const decoded = decodeStateProof(new Uint8Array(Buffer.from(proof, "base64url")));
      assert.ok(decoded.ok && councils.take(decoded.proof, verify).ok);
      assert.equal(councils.newest.epoch, epoch);
    }
  }
  const { epoch, since, voters } = application.council();
  assert.deepEqual(councils.newest, { epoch, since, voters });
  const now = (await inject("/api/membership", source)).json();
  assert.deepEqual([now.chain, now.epoch, now.since], ["testsite", epoch, since]);
  assert.deepEqual(
    now.members,
    voters.map(({ id, key }) => {
      return { id, key: Buffer.from(key).toString("base64url"), voting: true };
    }),
  );
  for (const bad of ["-1", "1.5", "x", "", "01", "1e3", "9007199254740993", " 1"]) {
    const answer = await inject(`/api/council-steps?after=${encodeURIComponent(bad)}`, source);
    assert.deepEqual([answer.statusCode, answer.json().code], [400, "portal.query"], bad);
  }
  assert.deepEqual((await inject("/api/council-steps?after=4", source)).json(), []);
});

test("no query makes the portal fail", async () => {
  const streams = new EventStreams(streamLimits);
  const app = await makePortal({ source: site.source, streams, log, page, open: true });
  const name = fc.constantFrom(
    ...["status", "slots", "trades", "blocks", "meters", "membership", "council-steps"],
  );
  const property = fc.asyncProperty(name, fc.string({ unit: "binary" }), async (route, query) => {
    const { statusCode } = await app.inject(`/api/${route}?${encodeURI(query.toWellFormed())}`);
    assert.ok(statusCode === 200 || statusCode === 400, String(statusCode));
  });
  await fc.assert(property, { numRuns: 60 });
  streams.close();
  await app.close();
});

test("every answer forbids foreign scripts, frames and sniffing, errors too", async () => {
  for (const url of ["/", "/app.js", "/api/status", "/api/slots?limit=x", "/nowhere", "/metrics"]) {
    const { headers } = await inject(url);
    assert.match(
      String(headers["content-security-policy"]),
      /default-src 'self'.*frame-ancestors 'none'/,
    );
    assert.equal(headers["x-content-type-options"], "nosniff", url);
    assert.equal(headers["referrer-policy"], "no-referrer", url);
  }
});

test("the page is served with its parts, and nothing beside it", async () => {
  assert.match((await inject("/")).body, /<title>Busbar<\/title>/);
  assert.match(String((await inject("/app.js")).headers["content-type"]), /javascript/);
  for (const url of ["/../package.json", "/..%2fserver.ts", "/%2e%2e/server.ts", "/app.ts"]) {
    assert.equal((await inject(url)).statusCode, 404, url);
  }
});

test("metrics are in Prometheus' text format", async () => {
  const { body, headers } = await inject("/metrics");
  assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
  for (const line of body.trimEnd().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) busbar_\w+ .+|busbar_\w+(\{\w+="\w+"\})? -?\d+(\.\d+)?)$/);
  }
  assert.match(body, new RegExp(`^busbar_block_height ${site.store.height}$`, "m"));
  assert.match(body, /^busbar_accounts_sum_micro_currency 0$/m);
});

test("status and metrics say how the agreement on blocks and the links to others stand", async () => {
  const peer = { address: "127.0.0.1:7601", heard: true, problem: null };
  const consensus: ConsensusStatus = {
    engine: "pbft",
    voters: 4,
    faultsTolerated: 1,
    view: 3,
    leader: "member-4",
    waiting: 5,
    peers: [
      { ...peer, id: "member-2", reached: true },
      { ...peer, id: "member-3", reached: false, problem: "links.unreachable" },
    ],
    counts: { "links.unreachable": 7 },
    liars: [],
    deviating: [],
  };
  const source = sourceWith({ status: () => ({ ...site.source.status(), consensus }) });
  assert.deepEqual((await inject("/api/status", source)).json().consensus, consensus);
  const { body } = await inject("/metrics", source);
  for (const line of [
    "busbar_consensus_voters 4",
    "busbar_consensus_faults_tolerated 1",
    "busbar_consensus_view 3",
    'busbar_peer_reached{member="member-3"} 0',
    'busbar_peer_heard{member="member-3"} 1',
    'busbar_consensus_events_total{code="links.unreachable"} 7',
  ]) {
    assert.ok(body.includes(`${line}\n`), line);
  }
  const alone = (await inject("/metrics")).body;
  assert.match(alone, /^busbar_consensus_faults_tolerated 0$/m);
  assert.doesNotMatch(alone, /busbar_peer|busbar_consensus_view/);
});

test("a fault inside is logged and not told to the client", async () => {
  const broken = sourceWith({
    status: () => {
      throw new Error("secret path /var/lib");
    },
  });
  const answer = await inject("/api/status", broken);
  assert.equal(answer.statusCode, 500);
  assert.equal(answer.json().code, "portal.internal");
  assert.doesNotMatch(answer.body, /secret/);
});

test("a taken port is named together with the key that moves it", async () => {
  const first = await start();
  const port = Number(new URL(first.url).port);
  await assert.rejects(start({ port }), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, "portal.port-taken");
    assert.match(error.message, new RegExp(`port ${port} .*portal\\.port`));
    return true;
  });
  await first.stop();
});

test("a page that was not built is said so", async () => {
  await assert.rejects(start({ page: join(page, "nowhere") }), {
    code: "portal.not-built",
    message: /npm run build/,
  });
});

/** Opens the event stream and resolves to its response. */
async function openStream(portal: Portal): Promise<http.IncomingMessage> {
  const request = http.get(`${portal.url}/api/events`, { agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return response;
}

/** Reads until `done` says so of all that came. */
async function readUntil(response: http.IncomingMessage, done: (text: string) => boolean) {
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
    if (done(text)) break;
  }
  return text;
}

test("what a block brings reaches an open stream as events with JSON", async () => {
  const portal = await start();
  const response = await openStream(portal);
  assert.equal(response.headers["content-type"], "text/event-stream; charset=utf-8");
  assert.match(String(response.headers["content-security-policy"]), /default-src 'self'/);
  const block = site.step();
  const text = await readUntil(response, (all) => /event: block\n.*\n\n/.test(all));
  const [, data = ""] = /event: block\ndata: (.*)\n/.exec(text) ?? [];
  assert.equal(JSON.parse(data).height, block.header.height);
  const readings = [...text.matchAll(/event: reading\ndata: (.*)\n/g)];
  assert.equal(readings.length, 6);
  await portal.stop();
});

test("a quiet stream beats, so that dead readers are found", async () => {
  const portal = await start({ limits: { heartbeatMs: 20 } });
  const response = await openStream(portal);
  await readUntil(response, (all) => all.split(": still here").length > 3);
  await portal.stop();
});

test("one reader more than there is room for is sent away", async () => {
  const portal = await start({ limits: { clientsMax: 2 } });
  const streams = [await openStream(portal), await openStream(portal)];
  const third = await fetch(`${portal.url}/api/events`);
  assert.equal(third.status, 503);
  assert.equal(((await third.json()) as { code: string }).code, "portal.streams-full");
  for (const stream of streams) stream.destroy();
  await portal.stop();
});

test("a reader that does not read is cut off instead of filling the memory", async () => {
  const listeners = new Set<(event: PortalEvent) => void>();
  const source = sourceWith({
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const portal = await start({ source, limits: { waitingBytesMax: 100_000 } });
  const slow = net.connect(Number(new URL(portal.url).port), "127.0.0.1");
  slow.on("error", () => slow.destroy());
  slow.write("GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(slow, "readable");
  const data = { height: 1, time: 0, hash: "f".repeat(50_000), transactions: 0, proposer: "p" };
  const metrics = async () => (await fetch(`${portal.url}/metrics`)).text();
  // The kernel's buffers take some megabytes first.
  for (let sent = 0; !/reason="slow"\} 1/.test(await metrics()); sent++) {
    assert.ok(sent < 2_000, "100 MB were buffered for one reader");
    for (const listener of listeners) listener({ event: "block", data });
  }
  assert.match(await metrics(), /busbar_portal_event_clients 0\n/);
  slow.destroy();
  await portal.stop();
  assert.equal(listeners.size, 0);
});

test("stopping ends open streams and frees the port", async () => {
  const portal = await start();
  const response = await openStream(portal);
  const ended = once(response, "close");
  response.resume();
  await portal.stop();
  await ended;
  const again = await start({ port: Number(new URL(portal.url).port) });
  await again.stop();
});
