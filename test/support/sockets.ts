import { once } from "node:events";
import type { Server } from "node:net";

export { freePort } from "../../edge/test-support/free-port.ts";

/** Lets a server listen on 127.0.0.1, on a free port where none is asked for. */
export async function listening(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
