import { BlockList, isIP, isIPv6, type Socket } from "node:net";
import { addressKey } from "../broker/token-bucket.ts";

/**
 * How many connections one address may hold: without it, anybody could hold all that the portal has, without
 * asking for anything. Who comes by way of a proxy, or from this machine, is not told apart here.
 */
export class ConnectionShare {
  readonly #most: number;
  readonly #shared = new BlockList();
  readonly #open = new Map<string, number>();

  /** `proxies`: addresses and networks, as `portal.proxies` has them. */
  constructor(most: number, proxies: readonly string[]) {
    this.#most = most;
    for (const place of ["127.0.0.0/8", "::1/128", ...proxies]) {
      const [net = "", bits] = place.split("/");
      const family = isIPv6(net) ? "ipv6" : "ipv4";
      if (bits === undefined) this.#shared.addAddress(net, family);
      else this.#shared.addSubnet(net, Number(bits), family);
    }
  }

  /** Counts a connection for as long as it is open, or ends it at once. */
  take(socket: Pick<Socket, "remoteAddress" | "once" | "destroy">): void {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || this.#isShared(remoteAddress)) return;
    const key = addressKey(remoteAddress);
    const open = this.#open.get(key) ?? 0;
    if (open >= this.#most) return void socket.destroy();
    this.#open.set(key, open + 1);
    socket.once("close", () => this.#left(key));
  }

  #left(key: string): void {
    const open = (this.#open.get(key) ?? 0) - 1;
    if (open > 0) this.#open.set(key, open);
    else this.#open.delete(key);
  }

  #isShared(address: string): boolean {
    const [plain = ""] = address.replace(/^::ffff:(?=\d+\.)/i, "").split("%");
    const family = isIP(plain);
    return family !== 0 && this.#shared.check(plain, family === 6 ? "ipv6" : "ipv4");
  }
}
