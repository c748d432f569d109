import { TLSSocket } from "node:tls";
import { parseTopic } from "@busbar/protocol";
import type { Client } from "aedes";
import type { Identity } from "../ledger/registry.ts";
import type { BrokerCode } from "./codes.ts";
import type { HookContext, Hooks } from "./hook-context.ts";
import { checkLogin, type LoginAttempt, type LoginRefusal } from "./login.ts";
import { onlookerBirth } from "./rights.ts";
import { SpentTokens } from "./spent-tokens.ts";
import { checkViewer } from "./viewer.ts";

/** CONNACK return codes (MQTT 3.1.1 table 3.1); for any other reason 4, bad user name or password. */
const returnCodes: Partial<Record<BrokerCode, number>> = {
  "login.client-id": 2,
  "login.too-many-connections": 3,
  "login.will": 5,
};
const badCredentials = 4;

/** Before and at CONNECT: who is this, is there a place, and is the will its own? */
export function loginGate(context: HookContext): Pick<Hooks, "preConnect" | "authenticate"> {
  const { sessions, counters, log } = context;
  const wills = new WeakMap<Client, string>();
  const spent = new SpentTokens(context.limits.spentTokensMax);
  const { takeovers } = context;
  const tellDuplicate = (who: Record<"client" | "older" | "newer", string>) => {
    const code: BrokerCode = "login.duplicate-client";
    const message = `two units sign in as ${who.client}, from ${who.older} and ${who.newer}; switch one off, or enrol it with a device id and key of its own`;
    counters.count(code);
    log.warn("duplicate-client", { code, ...who, message });
  };
  return {
    preConnect(client, packet, callback) {
      // No session outlives its connection: an offline queue would grow without end, and whoever
      // waits for an answer sends the message again.
      packet.clean = true;
      if (packet.will !== undefined) wills.set(client, packet.will.topic);
      callback(null, true);
    },
    authenticate(client, username, password, done) {
      const address = addressOf(client);
      const attempt = { username, password, client: client.id, will: wills.get(client) };
      const checked = checkConnect(attempt, context, spent);
      if (!checked.ok) {
        const { code, message } = checked;
        counters.count(code);
        log.warn("login-refused", { code, message, address, client: client.id.slice(0, 80) });
        const returnCode = returnCodes[code] ?? badCredentials;
        done(Object.assign(new Error(`${code}: ${message}`), { returnCode }), false);
        return;
      }
      const held = sessions.holding(client.id);
      if (held !== undefined) {
        counters.count("login.replaced" satisfies BrokerCode);
        const addresses = { client: client.id, older: held.address, newer: address };
        log.warn("login-replaced", addresses);
        if (takeovers.take(client.id, context.now(), addresses)) tellDuplicate(addresses);
      }
      sessions.enter(client, {
        client: client.id,
        identity: checked.identity,
        looksOnly: checked.looksOnly,
        address,
        since: context.now(),
        ...certificateOf(client),
        filters: new Map(),
      });
      done(null, true);
    },
  };
}

/** When a client's own certificate ends, where it showed one. */
function certificateOf({ conn }: Client): { readonly certificateEnds?: number } {
  if (!(conn instanceof TLSSocket)) return {};
  const ends = conn.getPeerX509Certificate()?.validToDate.getTime();
  return ends === undefined ? {} : { certificateEnds: ends };
}

type Connect = LoginAttempt & { readonly will: string | undefined };

/** The login itself, then what a proven identity may still not do; the token is spent either way. */
function checkConnect(
  attempt: Connect,
  context: HookContext,
  spent: SpentTokens,
): { readonly ok: true; readonly identity: Identity; readonly looksOnly: boolean } | LoginRefusal {
  const viewer = checkViewer(attempt, context);
  const looksOnly = viewer !== undefined;
  const grounds = { ...context, broker: context.id, spent, now: context.now() };
  const checked = viewer ?? checkLogin(attempt, grounds);
  if (!checked.ok) return checked;
  const { id, kind } = checked.identity;
  const { sessions, limits, site } = context;
  const most = kind === "member" ? limits.connectionsPerMember : limits.connectionsPerIdentity;
  if (sessions.besides({ id, looksOnly }, attempt.client) >= most) {
    const message = `${id} holds ${most} connections; close one`;
    return { ok: false, code: "login.too-many-connections", message };
  }
  const held = sessions.holding(attempt.client);
  if (looksOnly && held !== undefined && !(held.looksOnly && held.identity.id === id)) {
    const message = "the client id is in use by somebody else; choose another one";
    return { ok: false, code: "login.client-id", message };
  }
  const { will } = attempt;
  const mayWill = (topic: string) =>
    looksOnly ? topic === onlookerBirth : isOwnState(site, topic, id);
  if (will === undefined || mayWill(will)) return { ...checked, looksOnly };
  const expected = looksOnly ? onlookerBirth : `${id}'s own state topic`;
  const message = `expected a last will on ${expected}, got ${JSON.stringify(will.slice(0, 80))}`;
  return { ok: false, code: "login.will", message };
}

/** A will is published when nobody is there to answer for it, so it may only say "I am gone". */
function isOwnState(site: string, will: string, id: string): boolean {
  const topic = parseTopic(site, will);
  if (topic === undefined || (topic.of !== "device" && topic.of !== "host")) return false;
  return topic.name === "state" && topic.id === id;
}

/** The address a connection came from; "unknown" when it is gone already. */
function addressOf({ conn }: Client): string {
  return ("remoteAddress" in conn ? conn.remoteAddress : undefined) ?? "unknown";
}
