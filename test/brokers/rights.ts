import { topicsOf } from "@busbar/protocol";
import { dialBroker, readPassword } from "../../aggregator/broker/external/address.ts";
import { MqttSession } from "../../aggregator/broker/external/session.ts";
import { until } from "../support/virtual-site.ts";
import type { OutsideScene } from "./scene.ts";

const quietMs = 1_500;
const topics = topicsOf("outside");

/** What a stranger or a unit can do at a broker that it may not. */
export type Trespass = readonly string[];

async function signIn(scene: OutsideScene, user: string, heard: string[], password?: string) {
  const socket = await dialBroker(scene.broker.urls[0] ?? "", {}, 5_000);
  const { session } = await MqttSession.open({
    ...{ socket, client: `${user}-tries`, user, clean: true },
    password: readPassword(scene.password(password ?? user)),
    onMessage: ({ topic }) => heard.push(topic),
  });
  return session;
}

/** Resolves when a member can sign in: a cluster accepts connections before its nodes have agreed on a leader. */
export async function untilSignedIn(scene: OutsideScene): Promise<void> {
  const session = await until("a member signs in", () =>
    signIn(scene, scene.member, []).catch(() => undefined),
  );
  session.close();
}

/**
 * Lets a unit try to say and to hear what is another's, and strangers to come in. Returns what got
 * through: nothing, where the broker holds to what `broker-files` wrote.
 */
export async function trespasses(scene: OutsideScene): Promise<Trespass> {
  const through: string[] = [];
  for (const [user, password] of [
    ["nobody", "house-1-unit"],
    ["house-2-unit", "house-1-unit"],
  ]) {
    const session = await signIn(scene, user ?? "", [], password).catch(() => undefined);
    if (session !== undefined) through.push(`${user} signs in with another's password`);
    session?.close();
  }
  const watched: string[] = [];
  const watcher = await signIn(scene, scene.member, watched);
  const forbidden = [
    topics.readings("house-2-unit"),
    topics.state("house-2-unit"),
    topics.receipts("house-1-unit"),
    topics.host(scene.member),
    topics.workers(scene.member),
    topics.prices,
  ];
  await watcher.insist(["busbar/v1/outside/#"]);
  const mark = Buffer.from("trespass");
  for (const topic of forbidden) {
    // A broker may end the connection of who says what it may not.
    const unit = await signIn(scene, "house-1-unit", []);
    await Promise.race([
      unit.publish({ topic, payload: mark, qos: 1 }).catch(() => 0),
      new Promise((resolve) => setTimeout(resolve, quietMs)),
    ]);
    unit.close();
  }
  const heard: string[] = [];
  const filters = ["#", "busbar/v1/outside/#", "busbar/v1/outside/+/receipts"];
  for (const filter of [...filters, topics.receipts("house-2-unit"), "$SYS/#"]) {
    const unit = await signIn(scene, "house-1-unit", heard);
    const answered = unit.subscribe([filter]).catch(() => []);
    await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, quietMs))]);
    await watcher.publish({ topic: topics.receipts("house-2-unit"), payload: "secret", qos: 1 });
    await new Promise((resolve) => setTimeout(resolve, quietMs / 3));
    unit.close();
  }
  through.push(...heard.filter((topic) => topic.includes("house-2-unit")).map((t) => `hears ${t}`));
  for (const topic of watched) {
    const isOurs = topic === topics.receipts("house-2-unit");
    if (!isOurs && forbidden.includes(topic)) through.push(`says on ${topic}`);
  }
  watcher.close();
  return through;
}
