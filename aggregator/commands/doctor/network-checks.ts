import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AggregatorConfig } from "../../config/schema.ts";
import { parseAddress } from "../../consensus/links/address.ts";
import { openMailer } from "../../notices/channels/email.ts";
import { settingsOf } from "../../portal/postgres/settings.ts";
import { liveStatus } from "../live-status.ts";
import { type Finding, good, messageOf, soon, wrong } from "./finding.ts";

/** Whoever does not answer a connection within this is not there. */
const connectMs = 3_000;

/** Ports of this member, links to the others, the mail server, and the read model's. */
export async function networkChecks(config: AggregatorConfig): Promise<readonly Finding[]> {
  const live = await liveStatus(config);
  const running: Finding =
    live === undefined
      ? soon("aggregator", "does not answer at its portal", "start it: busbar-aggregator run")
      : good("aggregator", `runs, at block ${live.height}`);
  const ports = live === undefined ? await Promise.all(portsOf(config).map(portCheck)) : [];
  const links = live?.consensus.peers.map(({ id, reached, heard, problem }) =>
    reached || heard
      ? good("link", `${id} is connected`)
      : soon(
          "link",
          `${id} is not connected (${problem})`,
          "does it run, and does consensus.peers name its address?",
        ),
  );
  const peers = await Promise.all(links === undefined ? peersOf(config).map(peerCheck) : []);
  const servers = [...(await mailCheck(config)), ...(await readModelCheck(config))];
  return [running, ...ports, ...(links ?? []), ...peers, ...servers];
}

type Place = { readonly name: string; readonly host: string; readonly port: number };

function portsOf({ broker, portal, consensus }: AggregatorConfig): readonly Place[] {
  return [
    { name: "broker", host: broker.host, port: broker.port },
    { name: "portal", host: portal.host, port: portal.port },
    ...(consensus === undefined ? [] : [{ name: "link", ...consensus.listen }]),
  ];
}

async function portCheck({ name, host, port }: Place): Promise<Finding> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    return good("port", `${name} can listen at ${host} port ${port}`);
  } catch (error) {
    return wrong(
      "port",
      `${name}: ${messageOf(error)}`,
      `end who listens there, or change ${name}.port`,
    );
  } finally {
    server.close();
  }
}

function peersOf({ consensus }: AggregatorConfig) {
  return consensus?.peers ?? [];
}

async function peerCheck({
  id,
  address,
}: {
  readonly id: string;
  readonly address: string;
}): Promise<Finding> {
  const at = parseAddress(address);
  if (at === undefined) return wrong("peer", `${id}: ${address}`, "expected host:port");
  const socket = connect({ host: at.host, port: at.port, timeout: connectMs });
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(connectMs) });
    return good("peer", `${id} listens at ${address}`);
  } catch (error) {
    return soon(
      "peer",
      `${id} at ${address}: ${messageOf(error)}`,
      "does it run, and is the address right?",
    );
  } finally {
    socket.destroy();
  }
}

async function mailCheck({ notices }: AggregatorConfig): Promise<readonly Finding[]> {
  if (notices.email === undefined) return [];
  const { host, port } = notices.email;
  try {
    await openMailer(notices.email).verify();
    return [good("mail", `${host} port ${port} takes mail`)];
  } catch (error) {
    return [
      wrong(
        "mail",
        `${host} port ${port}: ${messageOf(error)}`,
        "correct notices.email of aggregator.yaml",
      ),
    ];
  }
}

/** Whether the read model's server is there and fit; it is only looked at. */
async function readModelCheck(config: AggregatorConfig): Promise<readonly Finding[]> {
  const settings = settingsOf(config);
  if (settings === undefined) return [];
  const { examineServer } = await import("../../portal/postgres/examine.ts");
  try {
    return [good("read model", await examineServer(settings))];
  } catch (error) {
    return [wrong("read model", messageOf(error), "see readModel of aggregator.yaml")];
  }
}
