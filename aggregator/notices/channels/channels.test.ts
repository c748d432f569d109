import assert from "node:assert/strict";
import { createECDH, createHmac, createPublicKey, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { type TestContext, test } from "node:test";
import { Failure, type Micro, type NoticePreferences } from "@busbar/protocol";
import { type NoticeAddresses, openNotice, sealAddresses } from "@busbar/protocol/notice";
import fc from "fast-check";
import { SMTPServer } from "smtp-server";
import { openPush } from "../../../test/support/push-service.ts";
import { aggregatorConfig } from "../../config/schema.ts";
import { noticePreferencesTable } from "../../ledger/rules/notices/tables.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { emptyState, Overlay } from "../../ledger/state/overlay.ts";
import { owners } from "../../ledger/tables.ts";
import { signerOfName, startTime } from "../../ledger/test-site.ts";
import { addressOf } from "../../portal/address.ts";
import type { Notice } from "../notice.ts";
import { digestOf, toldOf } from "../told.ts";
import { channelsOf } from "./channels.ts";
import { emailChannel, openMailer } from "./email.ts";
import { cut, encodedWord } from "./ntfy.ts";
import { isPrivateAddress, post } from "./post.ts";
import { encryptPush } from "./web-push.ts";

/** Each channel against a real receiver of its kind, which reads what comes by the channel's own rules. */

const notice: Notice = {
  ...{ id: "elm-7-0-anna", owner: "anna", type: "contract-signed", topic: "contract", key: "sold" },
  ...{ time: startTime, urgent: false, money: 1, currency: "CNY" },
  facts: {
    energy: { wh: 1_500 },
    price: { perKwh: 620_000 },
    other: { name: "house-<9>" },
    slot: { at: startTime },
    contract: { name: "k-1" },
  },
  proof: { chain: "elm", height: 7, event: 0, prove: ["result", "7", "block"] },
} as const;
const telling = {
  reader: { language: "zh", timeZone: "CST-8" },
  portal: "https://p.example",
} as const;
const told = toldOf(notice, telling);

type Seen = { readonly headers: IncomingHttpHeaders; readonly body: Buffer };

/** An HTTP receiver that keeps what comes, and answers as it is told. */
async function receiver(t: TestContext, answer: () => { status: number; headers?: object }) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    seen.push({ headers: request.headers, body });
    const { status, headers = {} } = answer();
    response.writeHead(status, headers as Record<string, string>).end("x".repeat(200_000));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/anna`, seen };
}

const seed = sha256(Buffer.from("test key of m1"));

/** Anna's channels as a member of the consortium makes them, from what stands on the ledger. */
function channelsFor(addresses: NoticeAddresses, { config = {}, sealedFor = "m1" } = {}) {
  const state = new Overlay(emptyState);
  const key = signerOfName("anna").publicKey;
  owners.set(state, "anna", { id: "anna", party: "user", name: "Anna", key, boxKey: key });
  const recipient = { id: sealedFor, key: signerOfName("m1").publicKey };
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const names = ["email", "push", "webhook", "ntfy"] as const;
  noticePreferencesTable.set(state, "anna", {
    ...{ owner: "anna", version: 1, language: "zh", timeZone: "CST-8", digestAt: 0, muted: [] },
    threshold: 0 as Micro,
    ways: names.map((channel) => ({ channel, when: "at-once", quiet: false })),
    addresses: sealAddresses(addresses, [recipient], random),
  } satisfies NoticePreferences);
  const { notices } = aggregatorConfig.parse({
    ...{ site: "elm", member: "m1" },
    notices: { privateAddresses: true, ...config },
  });
  const broker = { listens: () => false, deliver: async () => "nobody" as const };
  const member = { id: "m1", seed };
  const channelOf = channelsOf({
    site: "elm",
    state,
    config: notices,
    member,
    broker,
    post,
    now: () => 1_700_000_000_000,
  });
  return (name: (typeof names)[number]) => {
    const channel = channelOf("anna", name);
    assert.ok(channel);
    return channel;
  };
}

const fails = (code: string, retry: string) => (error: unknown) =>
  error instanceof Failure && error.code === code && error.retry === retry;

test("a webhook gets the signed notice that a Standard Webhooks receiver accepts", async (t) => {
  const { url, seen } = await receiver(t, () => ({ status: 204 }));
  const secret = new Uint8Array(32).fill(5);
  await channelsFor({ webhook: { url, secret } })("webhook").deliver(told);
  const [request] = seen;
  assert.ok(request);
  const { headers, body } = request;
  // The receiver's three lines of the README, which know nothing of the sender's code.
  const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const mac = createHmac("sha256", secret).update(content).digest("base64");
  assert.ok(String(headers["webhook-signature"]).split(" ").includes(`v1,${mac}`));
  assert.deepEqual(JSON.parse(String(body)), JSON.parse(JSON.stringify(told)));
  assert.deepEqual(
    [headers["webhook-id"], headers["webhook-timestamp"]],
    [notice.id, "1700000000"],
  );
});

test("ntfy gets title, text and link as its topics take them, in any language", async (t) => {
  const { url, seen } = await receiver(t, () => ({ status: 200 }));
  const ntfy = channelsFor({ ntfy: { url, token: "tk_secret" } })("ntfy");
  await ntfy.deliver(told);
  await ntfy.deliver({ ...told, urgent: true });
  const [first, second] = seen;
  assert.ok(first && second);
  const { headers } = first;
  const title = /^=\?UTF-8\?B\?(.*)\?=$/.exec(String(headers["x-title"]))?.[1] ?? "";
  assert.equal(Buffer.from(title, "base64").toString(), "卖出1.500千瓦时");
  assert.match(String(first.body), /^您以0\.6200元\/千瓦时向house-<9>卖出1\.500千瓦时/);
  assert.equal(headers["x-click"], "https://p.example/#/proof/result/7/block");
  assert.equal(headers.authorization, "Bearer tk_secret");
  assert.deepEqual([headers["x-priority"], second.headers["x-priority"]], ["3", "4"]);
  assert.equal(headers["x-sequence-id"], second.headers["x-sequence-id"]);
  assert.match(String(headers["x-sequence-id"]), /^[\w-]{1,64}$/);
  assert.equal(encodedWord("plain"), "plain");
  assert.ok(Buffer.byteLength(cut("价".repeat(5_000), 4_096)) <= 4_096);
});

test("a push message is the one of RFC 8291's example", () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64url"));
  const sealed = encryptPush(
    Buffer.from("When I grow up, I want to be a watermelon"),
    {
      p256dh: bytes(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
      ),
      auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
    },
    {
      salt: bytes("DGv6ra1nlYgDCS1FRnbzlw"),
      secret: bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
    },
  );
  assert.equal(
    Buffer.from(sealed).toString("base64url"),
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
  );
});

test("a browser opens what its push service got, from whoever has the subscription's VAPID key", async (t) => {
  let status = 201;
  const { url, seen } = await receiver(t, () => ({ status }));
  const browser = createECDH("prime256v1");
  browser.generateKeys();
  const vapid = createECDH("prime256v1");
  vapid.generateKeys();
  const auth = new Uint8Array(randomBytes(16));
  const padded = Buffer.concat([Buffer.alloc(32), vapid.getPrivateKey()]).subarray(-32);
  const push = {
    endpoint: url,
    p256dh: new Uint8Array(browser.getPublicKey()),
    auth,
    vapid: new Uint8Array(padded),
  };
  const channel = channelsFor({ push }, { config: { contact: "mailto:ops@elm.example" } })("push");
  await channel.deliver(told);
  const [request] = seen;
  assert.ok(request);
  const { headers, body } = request;
  const message = JSON.parse(openPush(body, browser, auth).toString());
  assert.deepEqual([message.tag, message.title, message.language], [notice.id, told.title, "zh"]);
  assert.equal(message.url, told.proof?.link);
  assert.deepEqual(
    [headers["content-encoding"], headers.ttl, headers.urgency],
    ["aes128gcm", "604800", "normal"],
  );

  const [, token = "", key = ""] =
    /^vapid t=(\S+), k=(\S+)$/.exec(String(headers.authorization)) ?? [];
  assert.equal(key, vapid.getPublicKey("base64url"));
  const [head = "", claims = "", signed = ""] = token.split(".");
  const point = vapid.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) =>
    part.toString("base64url"),
  );
  const publicKey = createPublicKey({
    key: { kty: "EC", crv: "P-256", x, y },
    format: "jwk",
  } as never);
  const by = { key: publicKey, dsaEncoding: "ieee-p1363" } as const;
  assert.ok(
    verify("sha256", Buffer.from(`${head}.${claims}`), by, Buffer.from(signed, "base64url")),
  );
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, "base64url").toString());
  assert.deepEqual([aud, sub], [new URL(url).origin, "mailto:ops@elm.example"]);
  assert.ok(exp - 1_700_000_000 <= 86_400 && exp > 1_700_000_000);

  status = 410;
  await assert.rejects(channel.deliver(told), fails("notice.refused", "never"));
  const bad = channelsFor({ push: { ...push, p256dh: new Uint8Array(65).fill(4) } })("push");
  await assert.rejects(bad.deliver(told), fails("notice.push-key", "never"));
  const many = digestOf(
    Array(200).fill(notice),
    { owner: "anna", channel: "push", at: 1 },
    telling,
  );
  status = 201;
  await channel.deliver({ ...many, text: "价".repeat(9_000) });
  assert.ok((seen.at(-1)?.body.length ?? 0) <= 4_096, "push services take no more");
});

/** A mail server on loopback that keeps what it takes. */
async function mailServer(t: TestContext, options: object = {}) {
  const mails: { from: string; to: string[]; data: string }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      stream.toArray().then((parts) => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? "" : mailFrom.address;
        mails.push({
          from,
          to: rcptTo.map(({ address }) => address),
          data: Buffer.concat(parts).toString(),
        });
        done();
      }, done);
    },
    ...options,
  });
  // What a client does wrong is for its own test to see.
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

/** The parts of a mail by their type, with their transfer encodings undone. */
function partsOf(data: string): ReadonlyMap<string, string> {
  const boundary = /boundary="([^"]+)"/.exec(data)?.[1] ?? "";
  const parts = data.split(`--${boundary}`).slice(1, -1);
  return new Map(
    parts.map((part) => {
      const at = part.indexOf("\r\n\r\n");
      const [head, body] = [part.slice(0, at), part.slice(at + 4)];
      const type = /content-type: (\S+?);/i.exec(head)?.[1] ?? "";
      const isBase64 = /content-transfer-encoding: base64/i.test(head);
      if (isBase64) return [type, Buffer.from(body, "base64").toString()];
      const plain = body
        .replace(/=\r\n/g, "")
        .replace(/=([0-9A-F]{2})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
      return [type, Buffer.from(plain, "latin1").toString()];
    }),
  );
}

test("a mail arrives as text and as HTML in its owner's language, and the same one has the same message id", async (t) => {
  const { port, mails } = await mailServer(t);
  const email = { host: "127.0.0.1", port, security: "none", from: "Elm <notices@elm.example>" };
  const channel = channelsFor({ email: "anna@example.org" }, { config: { email } })("email");
  await channel.deliver(told);
  await channel.deliver(told);
  const [mail, again] = mails;
  assert.ok(mail && again);
  assert.deepEqual([mail.from, mail.to], ["notices@elm.example", ["anna@example.org"]]);
  const header = (name: string, of = mail) =>
    new RegExp(`^${name}: (.*)$`, "im").exec(of.data)?.[1];
  assert.equal(header("message-id"), "<elm-7-0-anna@busbar.invalid>");
  assert.equal(header("message-id", again), header("message-id"));
  assert.equal(header("auto-submitted"), "auto-generated");
  const subject = /=\?UTF-8\?B\?(.*?)\?=/i.exec(header("subject") ?? "")?.[1] ?? "";
  assert.equal(Buffer.from(subject, "base64").toString(), told.title);
  const parts = partsOf(mail.data);
  const text = parts.get("text/plain") ?? "";
  assert.match(
    text,
    /^您以0\.6200元\/千瓦时向house-<9>卖出[\s\S]*电量: 1\.500千瓦时[\s\S]*凭证: https:\/\/p\.example/,
  );
  const html = parts.get("text/html") ?? "";
  assert.match(
    html,
    /<html lang="zh">[\s\S]*house-&lt;9&gt;[\s\S]*<th scope="row"[^>]*>电价<\/th>/,
  );
  assert.doesNotMatch(html, /<script|src=|house-<9>/);
  await channel.deliver(
    digestOf([notice, notice], { owner: "anna", channel: "email", at: 1 }, telling),
  );
  assert.equal(
    (
      partsOf(mails[2]?.data ?? "")
        .get("text/html")
        ?.match(/<section>/g) ?? []
    ).length,
    2,
  );
});

test("a mailbox that is none is final, a busy server or a refused sign-in is not, and nothing goes in clear where TLS is wanted", async (t) => {
  const refusing = await mailServer(t, {
    onRcptTo({ address }: { address: string }, _: unknown, done: (error?: Error) => void) {
      const code = address.startsWith("nobody") ? 550 : 451;
      done(Object.assign(new Error(`${address} is not here`), { responseCode: code }));
    },
    onAuth: (_: unknown, __: unknown, done: (error: Error) => void) =>
      done(Object.assign(new Error("wrong password"), { responseCode: 535 })),
  });
  const reader = telling.reader;
  const mail = (to: string, changes: object = {}) => {
    const server = {
      host: "127.0.0.1",
      port: refusing.port,
      security: "none",
      from: "a@b.c",
      ...changes,
    };
    return emailChannel(
      { to, reader },
      { mailer: openMailer(server as never), from: "a@b.c" },
    ).deliver(told);
  };
  await assert.rejects(mail("nobody@example.org"), (error: Failure) => {
    assert.ok(fails("notice.mail", "never")(error));
    assert.doesNotMatch(error.message, /example\.org/, "a log holds no address");
    return true;
  });
  await assert.rejects(mail("busy@example.org"), fails("notice.mail", "later"));
  await assert.rejects(
    mail("nobody@example.org", { user: "m1", password: "x" }),
    fails("notice.mail", "later"),
  );
  await assert.rejects(
    mail("nobody@example.org", { security: "starttls" }),
    fails("notice.mail", "later"),
  );
  await assert.rejects(mail("nobody@example.org", { port: 9 }), fails("notice.mail", "later"));
  assert.deepEqual(refusing.mails, []);
});

test("what a mail server will not do for this member is not final: another member's server may", async (t) => {
  const refuse = (responseCode: number, text: string) =>
    Object.assign(new Error(text), { responseCode });
  type Address = { readonly address: string };
  const refusing = await mailServer(t, {
    onMailFrom({ address }: Address, _: unknown, done: (error?: Error) => void) {
      if (address.startsWith("m1@")) return done(refuse(553, "not a sender of this server"));
      done();
    },
    onRcptTo({ address }: Address, _: unknown, done: (error?: Error) => void) {
      done(refuse(554, address.startsWith("far") ? "5.7.1 Relay access denied" : "5.1.1 No such"));
    },
  });
  const mail = (to: string, from: string) => {
    const server = { host: "127.0.0.1", port: refusing.port, security: "none", from } as const;
    const mailer = openMailer(server);
    return emailChannel({ to, reader: telling.reader }, { mailer, from }).deliver(told);
  };
  await assert.rejects(mail("nobody@a.example", "m1@b.c"), fails("notice.mail", "later"));
  await assert.rejects(mail("far@a.example", "m2@b.c"), fails("notice.mail", "later"));
  await assert.rejects(mail("nobody@a.example", "m2@b.c"), fails("notice.mail", "never"));
});

test("what is no mail server, and what is no web server, fails and holds up nobody", async (t) => {
  const garbage = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("\u0000\u0001 220\r\nHTTP/9.9 nothing\r\n\r\n");
  });
  garbage.listen(0, "127.0.0.1");
  await once(garbage, "listening");
  t.after(() => garbage.close());
  const { port } = garbage.address() as AddressInfo;
  const email = { host: "127.0.0.1", port, security: "none", from: "a@b.c" };
  const of = channelsFor(
    { email: "anna@example.org", ntfy: { url: `http://127.0.0.1:${port}/t` } },
    { config: { email } },
  );
  await assert.rejects(of("email").deliver(told), fails("notice.mail", "later"));
  await assert.rejects(of("ntfy").deliver(told), fails("notice.unreachable", "later"));
});

test("an answer says whether to come again: 410 never, 429 after a while, a redirect leads nowhere", async (t) => {
  let answer: { status: number; headers?: object } = { status: 410 };
  const { url, seen } = await receiver(t, () => answer);
  const hook = channelsFor({ webhook: { url, secret: new Uint8Array(32) } })("webhook");
  await assert.rejects(hook.deliver(told), fails("notice.refused", "never"));
  answer = { status: 429, headers: { "retry-after": "90" } };
  await assert.rejects(hook.deliver(told), (error: Failure) => {
    assert.deepEqual([error.retry, error.cause], ["later", { waitMs: 90_000 }]);
    assert.doesNotMatch(error.message, /\/anna/, "the path may be a secret");
    return true;
  });
  answer = { status: 307, headers: { location: url, "retry-after": "-1" } };
  await assert.rejects(hook.deliver(told), fails("notice.refused", "later"));
  assert.equal(seen.length, 3);
  const away = channelsFor({ webhook: { url: "http://127.0.0.1:9/", secret: new Uint8Array(32) } });
  await assert.rejects(away("webhook").deliver(told), fails("notice.unreachable", "later"));
});

test("an owner cannot have a member knock at the member's own network, by address or by name", async (t) => {
  const { url, seen } = await receiver(t, () => ({ status: 200 }));
  const { port } = new URL(url);
  for (const host of [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0x7f000001",
    "10.0.0.1",
    "169.254.169.254",
  ]) {
    const ntfy = { url: `http://${host}:${port}/t` };
    const channel = channelsFor({ ntfy }, { config: { privateAddresses: false } })("ntfy");
    // What a name leads to is its server's word of the moment; an address is one for ever.
    const retry = host === "localhost" ? "later" : "never";
    await assert.rejects(channel.deliver(told), fails("notice.private-address", retry), host);
  }
  assert.deepEqual(seen, []);
  for (const good of ["9.9.9.9", "172.32.0.1", "2606:4700::1", "::ffff:9.9.9.9"])
    assert.equal(isPrivateAddress(good), false, good);
  for (const bad of [
    "172.31.0.1",
    "100.64.0.1",
    "fd00::1",
    "fe80::1",
    "ff02::1",
    "::",
    "no address",
    "224.0.0.1",
    "::ffff:7f00:1",
    "::7f00:1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "fec0::1",
  ]) {
    assert.equal(isPrivateAddress(bad), true, bad);
  }
});

test("links lead where owners open the portal, behind a proxy too", () => {
  const at = (changes: object) =>
    addressOf(aggregatorConfig.parse({ site: "elm", member: "m1", ...changes }), "http://[::1]:1/");
  const portal = { url: "https://portal.example" };
  assert.equal(at({}), "http://[::1]:1/");
  assert.equal(at({ portal }), "https://portal.example");
  const notices = { portalUrl: "https://p.example" };
  assert.equal(at({ portal, notices }), "https://p.example");
});

test("what is missing is told: an address, a mail server, or the key to a seal", () => {
  const none = channelsFor({});
  for (const name of ["email", "push", "webhook", "ntfy"] as const) {
    assert.throws(() => none(name), fails("notice.no-address", "never"), name);
  }
  const noServer = channelsFor({ email: "anna@example.org" });
  assert.throws(() => noServer("email"), fails("notice.no-mail-server", "later"));
  const others = channelsFor({ email: "anna@example.org" }, { sealedFor: "m2" });
  assert.throws(() => others("email"), fails("notice.sealed-to-others", "later"));
});

test("whatever a notice says, no header of a mail or a request is broken by it", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("价", "a", "\r\n", "😀", "\u0000", ": ")), (parts) => {
      const text = parts.join("");
      assert.match(encodedWord(text), /^[ -~]*$/);
      assert.ok(Buffer.byteLength(cut(text, 50)) <= 50);
      assert.ok(!openNotice(Buffer.from(text), seed).ok);
    }),
  );
});
