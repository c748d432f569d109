import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "@busbar/protocol/node";
import type { Signed } from "../ledger/opened-frame.ts";
import { signerOfName } from "../ledger/test-site.ts";
import { SignatureThreads } from "./signature-threads.ts";
import { packSigned, unpackSigned } from "./signed.ts";

const signer = signerOfName("somebody");

/** The n-th signature of these tests; every third one is bad. */
function signed(n: number): Signed {
  const message = new Uint8Array(n % 50).fill(n);
  const signature = Uint8Array.from(signer.sign(message));
  if (isBad(n)) signature[n % 64] = (signature[n % 64] ?? 0) ^ 1;
  return { signature, message, publicKey: signer.publicKey };
}

const isBad = (n: number) => n % 3 === 0;

test("what is packed comes out as it was, also of messages without a byte", () => {
  const list = [3, 0, 50, 1, 49].map(signed);
  assert.deepEqual([...unpackSigned(packSigned(list))], list);
  assert.deepEqual([...unpackSigned(packSigned([]))], []);
});

test("many are checked elsewhere, and answered right and in order, with however many threads", async () => {
  for (const count of [1, 3]) {
    let here = 0;
    const threads = new SignatureThreads({
      count,
      verify: (...one) => {
        here += 1;
        return verify(...one);
      },
      failed: (error) => assert.fail(error),
    });
    const order: number[] = [];
    const ask = async (n: number) => {
      assert.equal(await threads.check(signed(n)), !isBad(n), `signature ${n}`);
      order.push(n);
    };
    const all = Array.from({ length: 700 }, (_, n) => n);
    const asked = all.slice(0, 600).map(ask);
    await asked[0];
    asked.push(...all.slice(600).map(ask));
    await Promise.all(asked);
    assert.deepEqual(order, all);
    assert.equal(here, 0);
    await threads.stop();
  }
});

test("a few are checked here: no thread is begun for them", async () => {
  let here = 0;
  const threads = new SignatureThreads({
    count: 1,
    verify: () => {
      here += 1;
      return true;
    },
    failed: (error) => assert.fail(error),
  });
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => threads.check(signed(n)))), [
    true,
    true,
    true,
  ]);
  assert.equal(here, 3);
  await threads.stop();
});

for (const [how, script] of [
  [
    "that throws",
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { throw new Error('broken'); });",
  ],
  [
    "that ends",
    "import { parentPort } from 'node:worker_threads'; parentPort.once('message', () => process.exit());",
  ],
  ["that does not begin", "throw new Error('no beginning');"],
] as const) {
  test(`what a thread ${how} leaves is checked here, in order, and so is all that follows`, async () => {
    const failures: Error[] = [];
    const threads = new SignatureThreads({
      count: 1,
      verify,
      failed: (error) => failures.push(error),
      script: new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    });
    for (let round = 0; round < 2; round++) {
      const order: number[] = [];
      await Promise.all(
        Array.from({ length: 300 }, async (_, n) => {
          assert.equal(await threads.check(signed(n)), !isBad(n));
          order.push(n);
        }),
      );
      assert.deepEqual(
        order,
        Array.from({ length: 300 }, (_, n) => n),
      );
    }
    assert.equal(failures.length, 1);
    await threads.stop();
  });
}

test("stopped, it answers all that waits", async () => {
  const threads = new SignatureThreads({ count: 2, verify, failed: (error) => assert.fail(error) });
  const asked = Array.from({ length: 300 }, (_, n) => threads.check(signed(n)));
  await new Promise((done) => setImmediate(done));
  await threads.stop();
  assert.deepEqual(
    await Promise.all(asked),
    Array.from({ length: 300 }, (_, n) => !isBad(n)),
  );
});
