/** A thread of `SignatureThreads`: checks what is handed to it, and answers with a byte for each. */
import { parentPort } from "node:worker_threads";
import { verify } from "@busbar/protocol/node";
import { unpackSigned } from "./signed.ts";

parentPort?.on("message", (packed: Uint8Array) => {
  const good = Uint8Array.from(unpackSigned(packed), ({ signature, message, publicKey }) =>
    verify(signature, message, publicKey) ? 1 : 0,
  );
  parentPort?.postMessage(good, [good.buffer]);
});
