import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { brokerAddress, brokerProblem, isLoopback } from "../config/broker-url.ts";
import { type BrokerDraft, type Draft, present } from "./draft.ts";
import { type Interview, wrong } from "./interview.ts";
import { unreachable } from "./reach.ts";

/** The brokers to try, nearest first. `file` is the configuration, from which paths are relative. */
export async function askBrokers(interview: Interview, draft: Draft, file: string): Promise<Draft> {
  const known = draft.brokers ?? [];
  const brokers: BrokerDraft[] = [];
  if (known.length > 0) {
    interview.say(`Brokers now: ${known.map(({ url }) => url).join(", ")}`);
    const kept = await interview.confirm("Keep them?", true);
    if (kept) brokers.push(...known);
  }
  for (;;) {
    const first = brokers.length === 0;
    const broker = await askBroker(interview, file, first);
    if (broker === undefined) break;
    brokers.push(broker);
  }
  return { ...draft, brokers: brokers.length === 0 ? undefined : brokers };
}

const help =
  "mqtts://host:8883 or wss://host/mqtt of an aggregator near by; mqtt:// and ws:// go in clear. none: the membership file of the site names brokers, and the unit takes those.";

async function askBroker(
  interview: Interview,
  file: string,
  first: boolean,
): Promise<BrokerDraft | undefined> {
  const url = await interview.ask({
    text: first ? "Broker's address, or none for the site's own" : "Another broker, should it fail",
    fallback: "none",
    help,
    parse: urlOf,
  });
  if (url === undefined) return undefined;
  const address = brokerAddress(url);
  const plain = address.scheme === "mqtt" || address.scheme === "ws";
  const allowPlainText = plain && !isLoopback(address.host);
  if (allowPlainText) {
    interview.say("  In clear to another machine: readings are signed, but can be watched.");
    if (!(await interview.confirm("Allow that?", false))) return askBroker(interview, file, first);
  }
  const ca = plain ? undefined : await askCa(interview, file);
  const path = ca === undefined ? undefined : resolve(dirname(file), ca);
  const problem = await interview.once(`reach ${url} ${path ?? ""}`, () =>
    unreachable(address, path),
  );
  if (problem === undefined) interview.say(`  ${address.host}:${address.port} answers.`);
  else {
    interview.say(`  ${problem}.`);
    const text = "Take it all the same? The unit goes on trying, and keeps readings meanwhile";
    if (!(await interview.confirm(text, true))) return askBroker(interview, file, first);
  }
  const tls = ca === undefined ? undefined : { ca };
  return present({ url, allowPlainText: allowPlainText || undefined, tls });
}

function urlOf(text: string): string | undefined {
  if (text === "none") return undefined;
  const problem = brokerProblem({ url: text, allowPlainText: true });
  if (problem === undefined) return text;
  throw wrong(problem);
}

function askCa(interview: Interview, file: string): Promise<string | undefined> {
  return interview.ask({
    text: "PEM file of the authority that signed its certificate, or none",
    fallback: "none",
    help: "none: one of those that this machine trusts anyway. A site with its own authority gives you the file.",
    parse: (text) => {
      if (text === "none") return undefined;
      if (!existsSync(resolve(dirname(file), text))) throw wrong(`there is no file ${text}`);
      return text;
    },
  });
}
