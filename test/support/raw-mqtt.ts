import { once } from "node:events";
import net from "node:net";
import { loginToken } from "./login-token.ts";
import { signers, site } from "./test-broker.ts";

/** An MQTT packet with a true remaining length (3.1.1 §2.2.3). */
export function packet(firstByte: number, body: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = body.length;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from([firstByte, ...length, ...body]);
}

/** A CONNECT with which an identity of the test site logs in under a client id. */
export function connectPacket(who: keyof typeof signers, client: string = who): Buffer {
  const password = loginToken({ identity: who, client, signer: signers[who], chain: site });
  const fields = [client, who, password].map((field) => withLength(Buffer.from(field)));
  // Protocol level 4; user name, password, clean session; keep-alive 60 s.
  const head = [...withLength(Buffer.from("MQTT")), 4, 0xc2, 0, 60];
  return packet(0x10, Buffer.concat([Buffer.from(head), ...fields]));
}

/** A SUBSCRIBE to one filter with QoS 0. */
export function subscribePacket(filter: string): Buffer {
  return packet(0x82, Buffer.from([0, 1, ...withLength(Buffer.from(filter)), 0]));
}

/** A raw connection to a broker; resets of the far side are part of what is tested. */
export async function dial(port: number): Promise<net.Socket> {
  const socket = net.connect({ port, host: "127.0.0.1" });
  socket.on("error", () => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Lengths of what a broker answers to CONNECT and to a SUBSCRIBE of one filter. */
export const connackBytes = 4;
export const subackBytes = 5;

/** Resolves when so many bytes have come. */
export function untilReceived(socket: net.Socket, count: number): Promise<void> {
  let received = 0;
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received < count) return;
      socket.off("data", onData);
      resolve();
    };
    socket.on("data", onData);
  });
}

/** Resolves when the connection is closed, with all that came before. */
export function untilClosed(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    const done = (): void => resolve(Buffer.concat(chunks));
    if (socket.destroyed) done();
    else socket.once("close", done);
  });
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}
