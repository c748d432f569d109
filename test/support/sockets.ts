import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Below the range that Linux gives to port 0 and to outgoing connections (32768 and up), and beside
 * that of `freePortBase`: nobody takes one between here and its use unless he asks for that very one. */
const [firstPort, lastPort] = [30_001, 32_767];

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    const server = createServer();
    try {
      await listening(server, port);
    } catch {
      // Taken: another one.
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error(`no free port between ${firstPort} and ${lastPort}`);
}

/** Lets a server listen on 127.0.0.1, on a free port where none is asked for. */
export async function listening(server: Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
