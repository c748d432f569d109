import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Cluster } from "./cluster.ts";

test("a member that comes to another result is outvoted and named, and the others go on", {
  timeout: 900_000,
}, async (t) => {
  const cluster = await Cluster.start();
  after(() => cluster.end());
  await cluster.progress();
  const odd = await cluster.leader();
  for (let isNamed = false; !isNamed; ) {
    await odd.stop("SIGTERM");
    await odd.startOdd();
    // It has to run the next block with the others: one that it fetches later it never signs.
    for (const unit of cluster.units) unit.rest();
    await cluster.quiet();
    const said = odd.computeOtherwise();
    for (const unit of cluster.units) unit.goOn();
    assert.match(await said, /"code":"consensus.outvoted".*disagrees about block \d+/);
    await cluster.progress();
    // What it signed last can be lost with its process: then nobody saw it.
    isNamed = await cluster.isNamed(odd);
    t.diagnostic(`${odd.id} is ${isNamed ? "" : "not "}named`);
  }
  // Computing as the others do, it is one of them again.
  await odd.start();
  await cluster.caughtUp(odd);
  await cluster.settle();
  await cluster.audit();
});
