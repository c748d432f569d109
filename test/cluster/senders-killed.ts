import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { until } from "../support/virtual-site.ts";
import type { MemberProcess } from "./member-process.ts";
import { NoticeScene } from "./notice-scene.ts";

/** Kills after the first two; `npm run test:cluster` asks for many. */
const rounds = Number(process.env.BUSBAR_ROUNDS ?? 0);
const timeout = 900_000 + rounds * 300_000;
const patienceMs = 300_000;

/** A receiver that knows each notice by its id. What comes again is the same. */
class Receiver {
  readonly bodies = new Map<string, string>();
  requests = 0;
  /** What is done with a request instead of answering it, once; says whether it answered after all. */
  interrupt: ((response: ServerResponse) => boolean) | undefined;
  readonly #server = createServer(async (request, response) => {
    const body = (await request.toArray().catch(() => [])).join("");
    const id = String(request.headers["webhook-id"]);
    this.requests += 1;
    assert.equal(this.bodies.get(id) ?? body, body, "what comes again is the same");
    const { interrupt } = this;
    this.interrupt = undefined;
    if (interrupt !== undefined && !interrupt(response)) return;
    this.bodies.set(id, body);
    if (!response.headersSent) response.writeHead(204).end();
  });

  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

test("whoever tells the owners may be killed in the middle of a notice: another goes on, and none is lost", {
  timeout,
}, async (t) => {
  const receiver = new Receiver();
  const url = await receiver.open();
  after(() => receiver.close());
  const scene = await NoticeScene.start(url);
  after(() => scene.end());
  const allTold = () =>
    until(
      "the receiver has every notice",
      () => scene.ids().every((id) => receiver.bodies.has(id)) || undefined,
      patienceMs,
    );

  for (let round = 0; round < 2 + rounds; round++) {
    const isAnswered = round % 2 === 1;
    const killed = new Promise<MemberProcess>((resolve) => {
      receiver.interrupt = (response) => {
        const victim = scene.sender();
        // The member's process learns of its delivery as it dies, or never.
        if (isAnswered) response.writeHead(204).end();
        void scene.kill(victim).then(() => resolve(victim));
        return isAnswered;
      };
    });
    await scene.pay(3);
    const victim = await killed;
    await scene.pay(3);
    await allTold();
    assert.notEqual(scene.sender().id, victim.id, "another one took over");
    await scene.revive(victim);
    t.diagnostic(`${victim.id} killed ${isAnswered ? "after" : "before"} the answer`);
  }

  // By MQTT each member tells whoever is at its own broker: the owner goes to another one.
  const seen = new Set<string>();
  const [home, next] = scene.up;
  assert.ok(home !== undefined && next !== undefined);
  let isKilled = false;
  const first = await scene.phone(home, "user-a", (id) => {
    if (seen.size < 2) return seen.add(id) && "acknowledge";
    if (!isKilled) void scene.kill(home);
    isKilled = true;
    return "keep still";
  });
  await new Promise<void>((resolve) => first.once("close", () => resolve()));
  const second = await scene.phone(next, "user-a", (id) => seen.add(id) && "acknowledge");
  await scene.pay(3);
  await until(
    "the phone has every notice",
    () => scene.ids("user-a").every((id) => seen.has(id)) || undefined,
    patienceMs,
  );
  await allTold();
  await scene.revive(home);
  // The site's time runs on, and with it comes news: the phone stays where it is told of it.
  await scene.allKnow();
  await second.endAsync(true);
  const known = new Set(scene.ids());
  t.diagnostic(JSON.stringify({ notices: known.size, requests: receiver.requests }));
  const others = [...receiver.bodies.keys()].filter((id) => !known.has(id));
  assert.deepEqual(others, [], "nothing else came");
});
