import { readSync, writeSync } from "node:fs";
import { SerialPort } from "serialport";

type Binding = typeof SerialPort.binding;
type OpenPort = Awaited<ReturnType<Binding["open"]>>;
/** Ports of systems where a read that finds nothing says so at once: all but Windows. */
type PolledPort = Extract<OpenPort, { readonly poller: unknown }>;

/**
 * serialport's binding, with reads and writes of open ports in this thread. On its own it asks a worker
 * thread to read, is told that nothing is there, waits, and asks again: each chunk that a meter sends
 * costs two trips there and back, and each request one. Ports are opened so that nothing blocks, so a
 * read waits first and then takes what has come. What does not go as it should is the binding's own
 * matter: it knows which errors mean that the port is gone.
 */
export const directBinding = {
  ...SerialPort.binding,
  open: async (options: object): Promise<OpenPort> => {
    const port = await openPort(options);
    if ("poller" in port) makeDirect(port);
    return port;
  },
};

/** As the system's own binding declares it, each wants options of its system. */
const openPort = SerialPort.binding.open.bind(SerialPort.binding) as (
  options: object,
) => Promise<OpenPort>;

function makeDirect(port: PolledPort): void {
  const [readAside, writeAside] = [port.read.bind(port), port.write.bind(port)];
  port.read = async (buffer, offset, length) => {
    if (port.isOpen) await readable(port);
    const bytesRead = now(port, (fd) => readSync(fd, buffer, offset, length, null));
    return bytesRead > 0 ? { buffer, bytesRead } : readAside(buffer, offset, length);
  };
  port.write = async (buffer) => {
    const written = now(port, (fd) => writeSync(fd, buffer));
    if (written < buffer.length) await writeAside(buffer.subarray(written));
  };
}

/** Bytes that went through at once; 0 where the port takes or has none now, or is broken. */
function now({ fd }: PolledPort, work: (fd: number) => number): number {
  if (fd === null) return 0;
  try {
    return work(fd);
  } catch {
    // The binding tries the same again, and tells a full buffer from a port that is gone.
    return 0;
  }
}

/** Rejects when the port is closed or lost. */
function readable({ poller }: PolledPort): Promise<void> {
  return new Promise((resolve, reject) => {
    poller.once("readable", (error) => (error ? reject(error) : resolve()));
  });
}
