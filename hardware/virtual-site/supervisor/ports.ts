import { once } from "node:events";
import { createServer } from "node:net";
import { Failure } from "@busbar/protocol";

/** Throws `Failure` `site.port-taken` naming every port of the list that somebody listens on. */
export async function checkPorts(ports: readonly number[]): Promise<void> {
  const taken: number[] = [];
  for (const port of ports) if (!(await isFree(port))) taken.push(port);
  if (taken.length === 0) return;
  const which = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(", ")} are`;
  throw new Failure(
    "site.port-taken",
    `${which} taken on 127.0.0.1; npm start -- --port-base N takes 24 ports from N on`,
    { retry: "never" },
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    // Taken, or not ours to take: either way the site cannot listen there.
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
