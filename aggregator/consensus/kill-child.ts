import { writeSync } from "node:fs";
import { decodeMessage, openFrame, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "../ledger/application.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { sha256 } from "../ledger/sha256.ts";
import { Store } from "../ledger/store.ts";
import {
  chain,
  entry,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../ledger/test-site.ts";
import { DurablePool } from "./durable-pool.ts";
import { Recorder } from "./recorder.ts";

/**
 * A recorder under load, to be killed at any moment (`kill.test.ts`): submits readings of three
 * meters without end and prints the hash of each frame that was acknowledged.
 */
const [path = "", origin = "0"] = process.argv.slice(2);
const now = () => utcMs(startTime + Math.floor(Date.now() - Number(origin)) * 60);

const store = new Store(path);
const application = new Application({ genesis: testGenesis(), store, verify });
if (!application.info().begun) application.initChain();
const pool = new DurablePool(store);
const recorder = new Recorder({
  application,
  pool,
  clock: { now, speed: 60, delay: (siteMs) => Math.ceil(siteMs / 60) },
  blockIntervalMs: 5,
  member: { id: "member-a", chain, signer: signerOfName("member-a") },
});

const meters = ["company-a", "bureau-a", "user-a"].map((owner) => resume(new MeterChain(owner)));
recorder.start();
for (;;) await Promise.all(meters.map((meter) => feed(meter)));

type Meter = { readonly chain: MeterChain; time: number; wh: number };

async function feed(meter: Meter): Promise<void> {
  meter.time = Math.max(meter.time + 1, now());
  meter.wh += 3;
  const opened = openFrame(meter.chain.frame(entry(meter.time, meter.wh)));
  if (!opened.ok) throw new Error(opened.message);
  const hash = sha256(opened.frame.bytes);
  const answer = await pool.submit(opened.frame, hash);
  if (!answer.ok) throw new Error(answer.message);
  writeSync(1, `${Buffer.from(hash).toString("hex")}\n`);
}

/** Goes on where ledger and pool stand, as a unit does with its journal. */
function resume(meter: MeterChain): Meter {
  const state = meterStates.get(store.state, meter.meter);
  if (state !== undefined) Object.assign(meter, { next: state.next, head: state.head });
  const resumed = { chain: meter, time: state?.time ?? startTime, wh: state?.importRegister ?? 0 };
  for (const { frame } of store.pending()) {
    const opened = openFrame(frame);
    if (!opened.ok) throw new Error(opened.message);
    const decoded = decodeMessage("readings", opened.frame.envelope.payload);
    if (!decoded.ok) throw new Error(decoded.message);
    if (decoded.message.meter !== meter.meter) continue;
    meter.batch(...decoded.message.entries);
    resumed.time = decoded.message.entries.at(-1)?.time ?? resumed.time;
    resumed.wh += 3 * decoded.message.entries.length;
  }
  return resumed;
}
