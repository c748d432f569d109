import { isIP } from "node:net";
import { meterPlaceOf, placeText } from "@busbar/edge";
import { isVariable, settled } from "./environment.ts";
import type { Flow, FlowNode } from "./flow.ts";

/** A host by one name: this machine is `localhost`, by whichever of its names. */
export function hostNamed(host: string): string {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  const here = ["localhost", "::1", "0:0:0:0:0:0:0:1", "ip6-localhost"].includes(bare);
  return here || (isIP(bare) === 4 && bare.startsWith("127.")) ? "localhost" : bare;
}

/** A broker by one name: host, and the port where it is not a usual one. Undefined where nothing is entered. */
export function brokerNamed(url: string, port = ""): string | undefined {
  const text = url.trim();
  if (text === "" || isVariable(text)) return text === "" ? undefined : text;
  // An IPv6 address without brackets has no port.
  const bare = isIP(text) === 6 ? `[${text}]` : text;
  const [, host = "", given] =
    /^(?:[a-z]+:\/\/)?(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)(?::(\d+))?/i.exec(bare) ?? [];
  const at = given ?? port;
  return ["", "1883", "8883"].includes(at) ? hostNamed(host) : `${hostNamed(host)}:${at}`;
}

/** The broker of a site node, or of Node-RED's own broker node. */
export function brokerOf(flow: Flow, node: FlowNode): string | undefined {
  return brokerNamed(settled(flow, node, "broker"), settled(flow, node, "port"));
}

/** Whether two names may be one broker: a name that the environment holds may be any. */
export function mayBeOne(a: string | undefined, b: string | undefined): boolean {
  return a === b || [a, b].some((one) => one === undefined || isVariable(one));
}

/** A meter's line by one name. */
export function lineOf(flow: Flow, meter: FlowNode): string {
  const text = settled(flow, meter, "place");
  const address = /^(tcp|rtu-over-tcp):\/\/(\[[^\]]+\]|[^:/]+)(.*)$/i.exec(text);
  const [, kind = "", host = "", rest = ""] = address ?? [];
  const named = address === null ? text : `${kind.toLowerCase()}://${hostNamed(host)}${rest}`;
  try {
    return placeText(meterPlaceOf(named));
  } catch {
    // What is no place is told by the node itself; here it is as good as any name.
    return named.toLowerCase();
  }
}

/** A meter by one name: its line, its number there and its address. */
export function meterAt(flow: Flow, meter: FlowNode): string {
  if (settled(flow, meter, "place") === "") return "";
  const unit = settled(flow, meter, "unit") || "1";
  const number = Number.isNaN(Number(unit)) ? unit : String(Number(unit));
  return [lineOf(flow, meter), number, settled(flow, meter, "address")].join(" · ");
}
