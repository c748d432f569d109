import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestLine } from "./request-line.ts";
import { type Reply, ScriptedLine } from "./test-support/scripted-line.ts";
import { VirtualTimers } from "./test-support/virtual-timers.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function setUp(reply: (request: string, count: number) => readonly Reply[]) {
  const timers = new VirtualTimers();
  const line = new ScriptedLine(timers);
  line.reply = (request, count) => reply(new TextDecoder().decode(request), count);
  const requests = new RequestLine({
    name: "line",
    line,
    timers,
    random: () => 0,
    idleMs: 100,
    totalMs: 1000,
  });
  requests.retain();
  /** Asks; the answer is the first text that ends with a full stop. */
  const ask = (request: string, attempts = 1) =>
    requests.ask({
      request: bytes(request),
      subject: request,
      attempts,
      reader: () => {
        let text = "";
        return (chunk) => {
          text += new TextDecoder().decode(chunk);
          return text.endsWith(".") ? text : undefined;
        };
      },
    });
  return { timers, line, requests, ask };
}

const sent = (line: ScriptedLine) =>
  line.written.map((request) => new TextDecoder().decode(request));

test("questions are asked one after another, and the line is opened once", async () => {
  const { timers, line, ask } = setUp((request) => [
    { ms: 5, bytes: bytes(request) },
    { ms: 50, bytes: bytes("!.") },
  ]);
  const answers = await timers.run(Promise.all([ask("a"), ask("b"), ask("c")]));
  assert.deepEqual([answers, sent(line), line.opened], [["a!.", "b!.", "c!."], ["a", "b", "c"], 1]);
});

test("an unanswered question is asked again, then counts as a timeout", async () => {
  const { timers, line, ask } = setUp((_, count) =>
    count === 2 ? [{ ms: 10, bytes: bytes("late but there.") }] : [],
  );
  assert.equal(await timers.run(ask("a", 2)), "late but there.");
  await assert.rejects(timers.run(ask("b", 2)), {
    code: "meter.timeout",
    message: /2 requests to b/,
  });
  assert.deepEqual(sent(line), ["a", "a", "b", "b"]);
});

test("a late answer meets no other question", async () => {
  const { timers, ask } = setUp((request) => [
    { ms: request === "slow" ? 130 : 10, bytes: bytes(`${request}.`) },
  ]);
  await assert.rejects(timers.run(ask("slow")), { code: "meter.timeout" });
  assert.equal(await timers.run(ask("next")), "next.");
});

test("a line that never falls silent holds nobody for ever", async () => {
  const babble = Array.from({ length: 300 }, (_, i) => ({ ms: 10 * i, bytes: bytes("x") }));
  const { timers, ask } = setUp((request) => (request === "a" ? babble : []));
  await assert.rejects(timers.run(ask("a")), { code: "meter.timeout" });
  assert.ok(timers.now() <= 1000);
  await assert.rejects(timers.run(ask("b")), { code: "meter.timeout" });
  assert.ok(timers.now() <= 4000);
});

test("an unplugged line fails the question and is opened again, not at once", async () => {
  const { timers, line, ask } = setUp((request) =>
    request === "b" ? [{ ms: 5, bytes: bytes("b.") }] : [],
  );
  const asked = ask("a");
  timers.after(20, () => line.unplug());
  await assert.rejects(timers.run(asked), { code: "meter.port-lost" });
  await assert.rejects(timers.run(ask("b")), { code: "meter.port-away" });
  timers.after(600, () => {});
  await timers.run(new Promise<void>((resolve) => timers.after(600, resolve)));
  assert.equal(await timers.run(ask("b")), "b.");
  assert.equal(line.opened, 2);
});

test("the last meter closes the line, and then it takes no question", async () => {
  const { timers, requests, ask } = setUp(() => []);
  requests.retain();
  await requests.release();
  const asked = ask("a");
  timers.after(10, () => void requests.release());
  await assert.rejects(timers.run(asked), { code: "meter.port-lost" });
  await assert.rejects(timers.run(ask("b")), { code: "meter.bus-closed" });
});
