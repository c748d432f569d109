import { createServer, type Socket } from "node:net";
import { Failure } from "@busbar/protocol";

/** A bus that is open for clients. */
export type OpenBus = {
  /** Port number, or path of the pseudo-terminal. */
  readonly at: number | string;
  close(): Promise<void>;
};

/**
 * Opens a TCP port; port 0 takes a free one.
 * Throws: `Failure` `bus.port-taken`, `bus.port-refused`.
 */
export async function listen(options: {
  readonly host: string;
  readonly port: number;
  readonly onConnection: (socket: Socket) => void;
}): Promise<OpenBus> {
  const { host, port, onConnection } = options;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that goes away in the middle of a reply is no event for a meter.
    socket.on("error", () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(portFailure(host, port, error)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    at: typeof address === "object" && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function portFailure(host: string, port: number, cause: NodeJS.ErrnoException): Failure {
  if (cause.code === "EADDRINUSE") {
    return new Failure(
      "bus.port-taken",
      `port ${port} on ${host} is taken: end the program that listens there (ss -ltnp 'sport = :${port}') or give this bus another port`,
      { retry: "later", cause },
    );
  }
  return new Failure(
    "bus.port-refused",
    `cannot listen on port ${port} of ${host} (${cause.code}): choose an address of this machine and a port above 1023`,
    { retry: "never", cause },
  );
}
