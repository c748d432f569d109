import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ServerSerial, ServerTCP } from "modbus-serial";
import { program } from "../../test/support/programs.ts";
import { BusPool } from "./bus-pool.ts";
import type { Connection } from "./line.ts";
import { crcHolds, withCrc } from "./modbus/crc16.ts";

const serial = { baud: 9600, parity: "none", stopBits: 1 } as const;
const valueAt = (address: number) => (address * 31 + 7) & 0xffff;
/** What modbus-serial's own servers serve: an independent peer of ours. */
const served = { getInputRegister: valueAt, getHoldingRegister: (at: number) => valueAt(at) ^ 1 };

function reader(connection: Connection, bus = new BusPool()) {
  const lease = bus.acquire(connection, serial);
  const read = (address: number, count: number) =>
    lease.port.read({
      unit: 1,
      function: 4,
      address,
      count,
      maxRegisters: 125,
      evenCount: false,
    });
  return { bus, lease, read };
}

async function assertReads(read: ReturnType<typeof reader>["read"]): Promise<void> {
  const spans = [
    [0, 2],
    [72, 2],
    [342, 40],
    [10, 125],
  ] as const;
  const replies = await Promise.all(spans.map(([address, count]) => read(address, count)));
  for (const [i, [address, count]] of spans.entries()) {
    assert.deepEqual(replies[i], {
      ok: true,
      registers: Array.from({ length: count }, (_, at) => valueAt(address + at)),
    });
  }
}

test("Modbus TCP: reads of a device asked at the same time are each right", async () => {
  const server = new ServerTCP(served, { host: "127.0.0.1", port: 0, unitID: 1 });
  await once(server, "initialized");
  const { port } = Reflect.get(server, "_server").address() as AddressInfo;
  const { lease, read } = reader({ kind: "tcp", host: "127.0.0.1", port });
  await assertReads(read);
  await lease.release();
  await new Promise((resolve) => server.close(() => resolve(undefined)));
});

/** A gateway with an RTU bus behind it, as a socket that answers in RTU frames, byte by byte. */
async function gateway(
  answer: (socket: Socket, request: Buffer) => void,
): Promise<{ readonly server: Server; readonly connection: Connection }> {
  const server = createServer((socket) => {
    socket.on("data", (request: Buffer) => answer(socket, request));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, connection: { kind: "rtu-over-tcp", host: "127.0.0.1", port } };
}

function answerRtu(socket: Socket, request: Buffer): void {
  assert.ok(crcHolds(request, 0, request.length));
  const [address, count] = [request.readUInt16BE(2), request.readUInt16BE(4)];
  const words = Array.from({ length: count }, (_, i) => valueAt(address + i));
  const bytes = words.flatMap((word) => [word >>> 8, word & 0xff]);
  socket.write(withCrc(Uint8Array.of(request[0] ?? 0, request[1] ?? 0, bytes.length, ...bytes)));
}

test("RTU over TCP: reads are right, and a connection that breaks is made again", async () => {
  let breaks = 1;
  const { server, connection } = await gateway((socket, request) => {
    if (request.readUInt16BE(2) === 500 && breaks-- > 0) socket.destroy();
    else answerRtu(socket, request);
  });
  const bus = new BusPool({ random: () => 0 });
  const { lease, read } = reader(connection, bus);
  await assertReads(read);
  await assert.rejects(read(500, 1), { code: "meter.port-lost", retry: "later" });
  await assert.rejects(read(500, 1), { code: "meter.port-away", retry: "later" });
  assert.equal(lease.port.counters.lost, 1);
  await lease.release();

  const again = reader(connection, bus);
  await assertReads(again.read);
  await again.lease.release();
  server.close();
});

test("a Modbus TCP peer that speaks something else is cut off", async () => {
  const { server, connection } = await gateway((socket) => socket.write("HTTP/1.1 400 Bad\r\n"));
  const { lease, read } = reader({ ...connection, kind: "tcp" } as Connection);
  await assert.rejects(read(0, 2), { code: "meter.port-lost" });
  assert.equal(lease.port.counters.broken, 1);
  await lease.release();
  server.close();
});

/** A router between us and a device that can forget a connection without telling anybody. */
async function router(port: number) {
  const forgotten = new Set<Socket>();
  const known = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect({ port, host: "127.0.0.1" });
    known.add(near);
    near.on("data", (bytes) => forgotten.has(near) || far.write(bytes));
    far.on("data", (bytes) => forgotten.has(near) || near.write(bytes));
    near.on("close", () => far.destroy()).on("error", () => {});
    far.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    forget: () => {
      for (const socket of known) forgotten.add(socket);
    },
    close: () => {
      for (const socket of known) socket.destroy();
      server.close();
    },
  };
}

test("a connection that a router forgot is made anew after two requests, not after the kernel's minutes", async () => {
  const device = new ServerTCP(served, { host: "127.0.0.1", port: 0, unitID: 1 });
  await once(device, "initialized");
  const between = await router((Reflect.get(device, "_server").address() as AddressInfo).port);
  const connection = { kind: "tcp", host: "127.0.0.1", port: between.port } as const;
  const { lease, read } = reader(connection, new BusPool({ replyMs: 300 }));
  await assertReads(read);
  between.forget();
  await assert.rejects(read(0, 2), { code: "meter.timeout" });
  await assert.rejects(read(0, 2), { code: "meter.timeout" });
  await assertReads(read);
  const { abandoned, opens, lost } = lease.port.counters;
  assert.deepEqual([between.connections(), opens, abandoned, lost], [2, 2, 1, 0]);
  await lease.release();
  between.close();
  await new Promise((resolve) => device.close(() => resolve(undefined)));
});

test("nobody listening is told with address and port", async () => {
  const { server, connection } = await gateway(answerRtu);
  server.close();
  await once(server, "close");
  const { lease, read } = reader(connection);
  await assert.rejects(read(0, 2), { code: "meter.unreachable", message: /127\.0\.0\.1:\d+/ });
  await lease.release();
});

test("meters that need other settings of a port in use are refused", async () => {
  const bus = new BusPool();
  const lease = bus.acquire({ kind: "rtu", path: "/dev/none", baud: 9600 }, serial);
  assert.throws(() => bus.acquire({ kind: "rtu", path: "/dev/none", baud: 2400 }, serial), {
    code: "meter.bus-settings",
    message: /open as 9600 8N1, not as 2400 8N1/,
  });
  await lease.release();
});

test("a serial port that is not there is said to be missing", async () => {
  const { lease, read } = reader({ kind: "rtu", path: "/dev/busbar-none" });
  await assert.rejects(read(0, 2), { code: "meter.port-missing", message: /plugged in/ });
  await lease.release();
});

const socat = program("socat", "socat");
const folder = mkdtempSync(join(tmpdir(), "busbar-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** Two serial ports that are joined; resolves when both are there. */
async function joinedPorts(
  path: string,
): Promise<{ readonly ours: string; readonly theirs: string }> {
  const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
  const pty = (link: string) => `pty,raw,echo=0,link=${link}`;
  const child = spawn(path, ["-d", "-d", pty(ours), pty(theirs)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  for await (const text of child.stderr.setEncoding("utf8")) {
    if (String(text).includes("starting data transfer loop")) break;
  }
  return { ours, theirs };
}

test("RTU on a serial port: modbus-serial's own server is read through a pair of ports", {
  skip: "skip" in socat && socat.skip,
}, async () => {
  assert.ok("path" in socat);
  const { ours, theirs } = await joinedPorts(socat.path);
  const server = new ServerSerial(served, { path: theirs, baudRate: 9600, unitID: 1 });
  await once(server, "initialized");
  const { lease, read } = reader({ kind: "rtu", path: ours });
  await assertReads(read);
  assert.equal(lease.port.counters.timeouts, 0);
  await lease.release();
  await new Promise((resolve) => server.close(() => resolve(undefined)));
});

test("meters of one protocol share a line, another protocol on it is refused until they are gone", async () => {
  const bus = new BusPool();
  const connection = { kind: "rtu", path: "/dev/ttyUSB0" } as const;
  const use = { serial, idleMs: 100, totalMs: 1000 };
  const line = bus.requestLine(connection, { ...use, protocol: "M-Bus" });
  line.retain();
  assert.equal(bus.requestLine(connection, { ...use, protocol: "M-Bus" }), line);
  const refused = { code: "meter.bus-settings", message: /open as M-Bus 9600 8N1, not as/ };
  assert.throws(() => bus.requestLine(connection, { ...use, protocol: "DL/T 645" }), refused);
  assert.throws(() => bus.acquire(connection, serial), refused);
  await line.release();
  const lease = bus.acquire(connection, serial);
  assert.throws(() => bus.requestLine(connection, { ...use, protocol: "M-Bus" }), {
    code: "meter.bus-settings",
  });
  await lease.release();
  assert.notEqual(bus.requestLine(connection, { ...use, protocol: "M-Bus" }), line);
});
