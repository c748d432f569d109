import { once } from "node:events";
import { createServer } from "node:net";

/** Below the range that Linux gives to port 0 and to outgoing connections (32768 and up), and beside
 * that of whole sites: nobody takes one between here and its use unless he asks for that very one. */
const [firstPort, lastPort] = [30_001, 32_767];

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
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
