import type { Failure } from "@busbar/protocol";
import { failure } from "../address.ts";
import type { Facts } from "./facts.ts";
import { type Look, textOf } from "./probes.ts";

const queuedCount = 20;
/** How long a broker may take to come back, wall ms. */
const backMsMax = 60_000;
const betweenMs = 200;

/**
 * What a broker still has after it was killed: a retained message, and messages for a session that is
 * away, each of which it had acknowledged. `restart` kills it and brings it back.
 */
export async function lookAfterKill(
  { open, topics, target }: Look,
  restart: () => Promise<void>,
): Promise<Facts> {
  const [state, commands] = [topics.state(target.device), topics.commands(target.device)];
  const away = await open({ label: "kill", clean: false });
  await away.session.insist([commands]);
  away.session.close();
  const says = await open({ label: "says" });
  await says.session.publish({ topic: state, payload: "kept", qos: 1, retain: true });
  for (let n = 0; n < queuedCount; n++) {
    await says.session.publish({ topic: commands, payload: `${n}`, qos: 1 });
  }
  await restart();
  const began = performance.now();
  const hears = await again(() => open({ label: "named" }));
  const backMs = Math.round(performance.now() - began);
  await hears.session.insist([state]);
  const retained = (await hears.until(1)).some((one) => textOf(one) === "kept");
  const back = await again(() => open({ label: "kill", clean: false }));
  const queued = new Set((await back.until(queuedCount)).map(textOf)).size;
  back.session.close();
  const clean = await open({ label: "kill" });
  await clean.session.publish({ topic: state, payload: "", qos: 1, retain: true });
  return { killed: { backMs, retained, queued, of: queuedCount } };
}

/** Until it does not fail: a broker that comes back first listens, then finds its store. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + backMsMax;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw notBack(error);
      await new Promise((resolve) => setTimeout(resolve, betweenMs));
    }
  }
}

function notBack(cause: unknown): Failure {
  const message = `the broker did not come back within ${backMsMax / 1000} s after it was killed`;
  return failure("external.unreachable", message, cause);
}
