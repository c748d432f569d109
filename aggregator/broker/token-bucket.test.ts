import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey, TokenBucket, TokenBuckets } from "./token-bucket.ts";

test("a burst passes, then as many each second as allowed", () => {
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, 0);
  assert.deepEqual(
    [0, 0, 0, 0].map((at) => bucket.take(at)),
    [true, true, true, false],
  );
  assert.deepEqual(
    [400, 500, 999, 1000].map((at) => bucket.take(at)),
    [false, true, false, true],
  );
});

test("a clock that runs backwards refills nothing", () => {
  const bucket = new TokenBucket({ burst: 1, perSecond: 1 }, 10_000);
  assert.equal(bucket.take(10_000), true);
  assert.equal(bucket.take(0), false);
  assert.equal(bucket.take(500), false);
});

test("one address has no part in another's allowance, and the table stays bounded", () => {
  const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, 3);
  for (const key of ["a", "b", "c"]) assert.equal(buckets.take(key, 0), true);
  assert.equal(buckets.take("a", 0), false);
  for (let n = 0; n < 100; n++) buckets.take(`x${n}`, 0);
  assert.equal(buckets.size, 3);
});

test("when space is needed the full buckets go first", () => {
  const buckets = new TokenBuckets({ burst: 1, perSecond: 1 }, 2);
  buckets.take("quiet", 0);
  buckets.take("busy", 5_000);
  assert.equal(buckets.take("new", 5_000), true);
  assert.equal(buckets.take("busy", 5_000), false);
});

test("IPv4 counts by address, IPv6 by its /64", () => {
  assert.equal(addressKey("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
  assert.equal(addressKey("2001:db8:1:2::9"), addressKey("2001:db8:1:2:ffff:1:2:3"));
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0::/64");
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey(undefined), "unknown");
});
