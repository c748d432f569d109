import { scrypt } from "node:crypto";

/**
 * scrypt (RFC 7914) in a thread of Node's own: other work goes on meanwhile, and it is as fast where a program
 * runs without an optimising compiler, as a unit does to save memory.
 */
export function nativeScrypt(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p, dkLen }: { N: number; r: number; p: number; dkLen: number },
): Promise<Uint8Array> {
  // What it needs is 128 N r bytes, and a little more.
  const maxmem = 128 * N * r + 2 ** 20 * (p + 1);
  return new Promise((resolve, reject) => {
    scrypt(password, salt, dkLen, { N, r, p, maxmem }, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}
