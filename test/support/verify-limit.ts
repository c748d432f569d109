import { verify as cryptoVerify, generateKeyPairSync, sign } from "node:crypto";

/** How often this machine checks an Ed25519 signature in one thread, over one second. */
export function verifiesPerSecond(): number {
  return verifyRates().perSecond;
}

/** The same, and per second of the processor's own time: what others take of it does not count. */
export function verifyRates(): { readonly perSecond: number; readonly perCpuSecond: number } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const message = Buffer.alloc(1_024, 7);
  const signature = sign(null, message, privateKey);
  const start = performance.now();
  const cpu = process.cpuUsage();
  let count = 0;
  while (performance.now() - start < 1000) {
    for (let n = 0; n < 50; n++) cryptoVerify(null, message, publicKey, signature);
    count += 50;
  }
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = (1000 * count) / (performance.now() - start);
  return { perSecond, perCpuSecond: (1_000_000 * count) / (user + system) };
}
