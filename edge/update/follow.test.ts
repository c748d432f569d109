import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  decodeMessage,
  openFrame,
  type Release,
  type ReleaseState,
  type UtcMs,
  utcMs,
} from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import fc from "fast-check";
import { pino } from "pino";
import type { MarketFrame } from "../agent/market-outbox.ts";
import { updateFetch } from "../commands/update-fetch.ts";
import { Counters } from "../status/counters.ts";
import { writeBundle } from "./bundle-file.ts";
import { type Fetched, type FetchWish, failureIn } from "./fetching.ts";
import { type Followed, type FollowFacts, followedIn, nextStep, wordOf } from "./follow.ts";
import { Follower, type FollowerOptions } from "./follower.ts";
import { type Manifest, signManifest } from "./manifest.ts";
import type { UpdateStatus } from "./state.ts";

const from = utcMs(1_780_272_000_000);
const hour = 3_600_000;

const releaseOf = (changes: Partial<Release> = {}): Release => ({
  ...{ number: 3, version: "0.2.0-1", canaries: ["unit-1"], failuresMax: 0, trialMinutes: 20 },
  bundles: [{ arch: "arm64", bytes: 5, sha256: new Uint8Array(32).fill(7) }],
  stages: [
    { permille: 0, waitMinutes: 60, keptMin: 1 },
    { permille: 1000, waitMinutes: 0, keptMin: 0 },
  ],
  source: "https://example.org/busbar/",
  ...changes,
});

const stateOf = (changes: Partial<ReleaseState> = {}, release = releaseOf()): ReleaseState => ({
  ...{ release, from, height: 5, kept: 0, failed: 0 },
  ...changes,
});

const facts = (changes: Partial<FollowFacts> = {}): FollowFacts => ({
  ...{ chain: "demo", device: "unit-1", arch: "arm64", program: "0.1.0-1", now: from },
  ...{ update: { slot: undefined }, followed: {}, release: stateOf() },
  ...changes,
});

test("a unit installs a release in its turn, once, and nothing that is stopped, tried or not for it", () => {
  const step = nextStep(facts());
  assert.deepEqual([step.kind, step.kind === "install" && step.bundle.bytes], ["install", 5]);
  const trial = { version: "0.2.0-1", waitsFor: [] };
  const waits: readonly (readonly [Partial<FollowFacts>, RegExp])[] = [
    [{ release: undefined }, /no release is proven/],
    [{ update: { slot: "a", trial } }, /on trial/],
    [{ update: { slot: undefined, pending: "0.2.0-1" } }, /on trial/],
    [{ update: undefined }, /nobody knows yet/],
    [{ followed: { tried: { number: 3, version: "0.2.0-1" } } }, /was tried/],
    [{ followed: { tried: { number: 4, version: "0.3.0" } } }, /was tried/],
    [{ release: stateOf({ stopped: "failures" }) }, /stopped: failures/],
    [{ device: "unit-2" }, /turn has not come/],
    [{ device: "unit-2", now: from + 2 * hour }, /turn has not come/],
    [{ now: from - 1 }, /turn has not come/],
    [{ arch: "amd64" }, /no bundle for amd64/],
  ];
  for (const [changes, why] of waits) {
    const waiting = nextStep(facts(changes));
    assert.match(waiting.kind === "wait" ? waiting.why : "", why);
  }
  const later = { device: "unit-2", now: from + 2 * hour, release: stateOf({ kept: 1 }) };
  assert.equal(nextStep(facts(later)).kind, "install");
  assert.equal(nextStep(facts({ program: "0.2.0-1" })).kind, "is-there");
});

test("a unit says the program that runs, and of a release what became of it, never what it hoped for", () => {
  const tried = { number: 3, version: "0.2.0-1" };
  const word = (changes: Partial<FollowFacts>) => wordOf(facts(changes));
  assert.deepEqual(word({}), { program: "0.1.0-1" });
  const trial = { version: "0.2.0-1", waitsFor: [] };
  const onTrial = { program: "0.2.0-1", update: { slot: "a", trial } as UpdateStatus };
  assert.equal(word({ ...onTrial, followed: { tried } }), undefined, "it is not kept yet");
  const pending = { slot: undefined, pending: "0.2.0-1" } as const;
  assert.equal(word({ update: pending, followed: { tried } }), undefined, "it has not begun yet");
  assert.equal(word({ update: undefined }), undefined);
  assert.deepEqual(word({ program: "0.2.0-1", followed: { tried } }), {
    ...{ program: "0.2.0-1", release: 3, result: "kept" },
  });
  const last = (outcome: "rolled-back" | "superseded" | "committed", reason: string) => ({
    slot: undefined,
    last: { version: "0.2.0-1", outcome, reason },
  });
  const undone = {
    followed: { tried },
    update: last("rolled-back", "after 20 min without a receipt"),
  };
  assert.deepEqual(word(undone), {
    ...{ program: "0.1.0-1", release: 3, result: "rolled-back" },
    reason: "after 20 min without a receipt",
  });
  const odd = word({ followed: { tried }, update: last("committed", "as before") });
  assert.deepEqual([odd?.result, odd?.reason], ["rolled-back", "0.1.0-1 runs instead"]);
  const refused = word({ followed: { tried, refused: "x".repeat(500) } });
  assert.deepEqual([refused?.result, refused?.reason?.length], ["refused", 200]);
  const said = { program: "0.1.0-1" };
  assert.equal(word({ followed: { said } }), undefined, "nothing new is to be said");
  assert.equal(word({ followed: { said }, program: "0.1.1" })?.program, "0.1.1");
});

test("a note of what was followed is read back, and a damaged one begins anew", () => {
  const followed: Followed = {
    ...{ tried: { number: 3, version: "1" }, refused: "why" },
    said: { program: "0.1.0-1", release: 3, result: "refused", reason: "why" },
  };
  assert.deepEqual(followedIn(JSON.stringify(followed)), followed);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => assert.ok(followedIn(text))));
});

/** A follower, what it said, and what it fetched. */
function scene(changes: Partial<FollowerOptions> = {}, results: Fetched[] = [{ ok: true }]) {
  const notes = new Map<string, string>();
  const frames: MarketFrame[] = [];
  const wishes: FetchWish[] = [];
  const fetched = Promise.withResolvers<void>();
  let [monotonic, now] = [0, from as number];
  const around = { update: { slot: undefined } as UpdateStatus };
  const options: FollowerOptions = {
    ...{ chain: "demo", device: "unit-1", signer, program: "0.1.0-1", arch: "arm64" },
    outbox: { add: (all: readonly MarketFrame[]) => void frames.push(...all) } as never,
    now: () => utcMs(now),
    notes: {
      read: (name) => notes.get(name),
      write: (name, text) => void notes.set(name, text),
    },
    update: () => around.update,
    fetch: async (wish) => {
      wishes.push(wish);
      fetched.resolve();
      return results.shift() ?? { ok: true };
    },
    source: undefined,
    onSaid: () => {},
    counters: new Counters(),
    log: pino({ enabled: false }),
    monotonic: () => monotonic,
    ...changes,
  };
  const follower = new Follower(options);
  const said = () =>
    frames.map(({ frame }) => {
      const opened = openFrame(frame);
      assert.ok(opened.ok);
      const decoded = decodeMessage("device-report", opened.frame.envelope.payload);
      assert.ok(decoded.ok);
      const { program, result } = decoded.message;
      return [program, result];
    });
  const pass = (ms: number) => {
    monotonic += ms;
    now += ms;
  };
  return {
    follower,
    notes,
    options,
    wishes,
    said,
    around,
    pass,
    settled: () => new Promise(setImmediate),
  };
}

const home = mkdtempSync(join(tmpdir(), "busbar-follow-"));
const signer = signerOf(openKeyFile(join(home, "device.key")));
const head = (height: number, time: number = from) => ({ height, time });

test("a release is fetched from where it says, and reported as it ended", async () => {
  const { follower, wishes, said, around, settled } = scene();
  follower.take(stateOf(), head(5));
  await settled();
  assert.deepEqual(wishes, [
    {
      url: "https://example.org/busbar/busbar-edge_0.2.0-1_arm64.bundle",
      ...{ version: "0.2.0-1", bytes: 5, sha256: "07".repeat(32), minutes: 20 },
    },
  ]);
  assert.deepEqual(said(), [["0.1.0-1", undefined]]);
  around.update = { slot: "a", trial: { version: "0.2.0-1", waitsFor: [] } };
  follower.look();
  around.update = {
    slot: undefined,
    last: { version: "0.2.0-1", outcome: "rolled-back", reason: "x" },
  };
  follower.look();
  follower.look();
  assert.deepEqual(said().slice(1), [["0.1.0-1", "rolled-back"]]);
  assert.equal(wishes.length, 1, "it is tried once");
});

test("what the bundle is at fault for ends it and is said; what the way is at fault for is tried again", async () => {
  const bad = {
    ok: false,
    code: "update.signature",
    message: "nobody trusted signed it",
    final: true,
  } as const;
  const one = scene({}, [bad]);
  one.follower.take(stateOf(), head(5));
  await one.settled();
  assert.deepEqual(one.said(), [
    ["0.1.0-1", undefined],
    ["0.1.0-1", "refused"],
  ]);
  const away = { ok: false, code: "update.fetch", message: "away", final: false } as const;
  const two = scene({ source: "http://local" }, [away, { ok: true }]);
  two.follower.take(stateOf(), head(5));
  await two.settled();
  two.follower.look();
  await two.settled();
  assert.equal(two.wishes.length, 1, "not at once");
  two.pass(5 * 60_000);
  two.follower.look();
  await two.settled();
  assert.deepEqual([two.wishes.length, two.wishes[1]?.url.startsWith("http://local/")], [2, true]);
});

test("an older block's word, one of yesterday, and an unknown time install nothing", async () => {
  const { follower, wishes, options, settled } = scene();
  follower.take(stateOf({ stopped: "withdrawn" }), head(9));
  follower.take(stateOf(), head(8));
  await settled();
  assert.deepEqual([wishes.length, options.counters.of("update.old-release")], [0, 1]);
  const late = scene();
  late.follower.take(stateOf(), head(5, from - 25 * hour));
  await late.settled();
  assert.equal(late.wishes.length, 0);
  const timeless = scene({ now: () => undefined as UtcMs | undefined });
  timeless.follower.take(stateOf(), head(5));
  await timeless.settled();
  assert.deepEqual([timeless.wishes.length, timeless.said()], [0, []]);
});

test("what a process says of why it failed is understood, and garbage is no reason", () => {
  const said = JSON.stringify({ ok: false, code: "update.self-test", message: "m" });
  assert.deepEqual(failureIn(`x\n${said}\n`), {
    ...{ ok: false, code: "update.self-test", message: "m", final: true },
  });
  assert.equal(failureIn(JSON.stringify({ code: "update.fetch", message: "m" }))?.final, false);
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(failureIn(text), undefined);
    }),
  );
});

let body: Uint8Array = new Uint8Array(0);
const server = createServer((request, response) => {
  if (request.url === "/none") response.statusCode = 404;
  response.end(body);
});
let url = "";

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    join(home, "edge.yaml"),
    "site: demo\ndevice: { id: unit-1 }\nowner: { id: anna }\nstatus: { port: 0 }\nmeters:\n  - { id: m, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: 1 } }\n",
  );
  const manifest: Manifest = {
    name: "busbar-edge",
    ...{ version: "0.2.0-1", arch: "arm64", node: "24.1.0", journal: 5 },
    ...{ sums: "0".repeat(64), payload: { bytes: 1, sha256: "0".repeat(64) } },
  };
  writeFileSync(join(home, "payload"), "x");
  const bundle = join(home, "good.bundle");
  await writeBundle(bundle, signManifest(manifest, signer), { from: join(home, "payload"), at: 0 });
});
after(() => {
  server.close();
  rmSync(home, { recursive: true, force: true });
});

test("only the very file that was stated is looked at: size, hash and version", async () => {
  const good = new Uint8Array(readFileSync(join(home, "good.bundle")));
  const sha256 = createHash("sha256").update(good).digest("hex");
  const fetched = (path: string, changes: object = {}) =>
    updateFetch(`${url}${path}`, {
      ...{ config: join(home, "edge.yaml"), versionStated: "0.2.0-1", bytes: String(good.length) },
      ...{ sha256, minutes: "30", json: true, ...changes },
    });
  const refused = async (code: string, path: string, bytes: Uint8Array, changes: object = {}) => {
    body = bytes;
    await assert.rejects(fetched(path, changes), { code });
  };
  await refused("update.fetch", "/none", good);
  await refused("update.fetched", "/b", good.subarray(1));
  await refused("update.fetched", "/b", Uint8Array.from([...good, 1]));
  await refused(
    "update.fetched",
    "/b",
    good.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
  );
  await refused("update.not-stated", "/b", good, { versionStated: "0.3.0" });
  await refused("usage.update", "/b", good, { bytes: "0" });
  await refused("usage.update", "/b", good, { sha256: "x" });
  // It is the file: what follows is an installation like any other.
  await refused("status.port-unknown", "/b", good);
  await assert.rejects(
    updateFetch("http://127.0.0.1:1/x", {
      ...{ config: join(home, "edge.yaml"), versionStated: "1", bytes: "9", sha256, minutes: "30" },
    }),
    { code: "update.fetch" },
  );
  assert.deepEqual(readdirSync(join(home, "update")), [], "nothing is left behind");
});
