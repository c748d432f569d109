import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { boxKeyOf, boxNotice } from "@busbar/protocol/notice";
import fc from "fast-check";
import { readNotice } from "./notices.ts";
import { push, pushRequest } from "./push.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const secret = random(32);
const boxed = (body: unknown) => {
  const plain = new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
  return Buffer.from(boxNotice(plain, boxKeyOf(secret), random));
};
const notice = {
  id: "n1",
  title: "卖出 3.5 kWh",
  text: "You sold 3.5 kWh.",
  priority: 3,
  click: undefined,
};

/** What a phone's service was sent; it answers with these codes in turn, then 200. */
const got: { url: string; headers: Record<string, unknown>; body: string }[] = [];
const answers: number[] = [];
const server = createServer(async (request, response) => {
  got.push({ url: request.url ?? "", headers: request.headers, body: await text(request) });
  response.writeHead(answers.shift() ?? 200).end();
}).listen(0, "127.0.0.1");
await once(server, "listening");
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
after(() => server.close());
const never = new AbortController().signal;

test("only the owner's key opens a notice, and garbage is refused with a code", () => {
  const body = {
    id: "n1",
    type: "contract-signed",
    title: "Sold",
    text: "You sold",
    time: 5,
    event: {},
  };
  const read = readNotice(boxed(body), secret);
  assert.ok(read.ok);
  assert.equal(read.notice.title, "Sold");
  const other = readNotice(boxed(body), random(32));
  assert.ok(!other.ok && other.code === "notice.not-for-us");
  for (const odd of ["no json", [], { id: 1 }, { id: "x", title: "t" }]) {
    const refused = readNotice(boxed(odd), secret);
    assert.ok(!refused.ok && refused.code === "message.shape");
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => !readNotice(Buffer.from(bytes), secret).ok));
});

test("a webhook without a key that is one is not signed with a guess", () => {
  const short = randomBytes(23).toString("base64");
  for (const secret of ["", "whsec_", "my secret word", `whsec_${short}`, "!".repeat(40)]) {
    assert.throws(() => pushRequest({ kind: "webhook", url: base, secret }, notice, 0), {
      code: "flows.push",
      message: /signing key of at least 24 bytes/,
    });
  }
});

test("an ntfy service is given topic, title and text as JSON, and its token", async () => {
  await push({ kind: "ntfy", url: `${base}/push/house`, secret: "tk" }, notice, never);
  const [sent] = got.splice(0);
  assert.equal(sent?.url, "/push/");
  assert.equal(sent?.headers.authorization, "Bearer tk");
  assert.deepEqual(JSON.parse(sent?.body ?? ""), {
    topic: "house",
    title: notice.title,
    message: notice.text,
    priority: 3,
  });
});

test("a webhook is signed as Standard Webhooks, with one id over all tries", async () => {
  answers.push(503);
  const key = randomBytes(24);
  const target = {
    kind: "webhook",
    url: `${base}/hook`,
    secret: `whsec_${key.toString("base64")}`,
  } as const;
  await push(target, notice, never);
  const sent = got.splice(0);
  assert.equal(sent.length, 2);
  for (const { headers, body } of sent) {
    assert.equal(headers["webhook-id"], "n1");
    const signed = `n1.${String(headers["webhook-timestamp"])}.${body}`;
    const expected = createHmac("sha256", key).update(signed).digest("base64");
    assert.equal(headers["webhook-signature"], `v1,${expected}`);
  }
});

test("what a service refuses is not tried again, and told with its answer", async () => {
  answers.push(403);
  const target = { kind: "ntfy", url: `${base}/house`, secret: "" } as const;
  await assert.rejects(push(target, notice, never), { code: "flows.push", message: /HTTP 403/ });
  assert.equal(got.splice(0).length, 1);
  for (const url of ["", "house", "ftp://x/y", "https://host", "https://host/"]) {
    assert.throws(() => pushRequest({ ...target, url }, notice, 0), { code: "flows.push" });
  }
  const stopped = AbortSignal.abort();
  await assert.rejects(push(target, notice, stopped), { code: "flows.push", retry: "never" });
});
