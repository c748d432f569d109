/** One layer of smooth noise: how long its bumps last and how much it counts. */
export type Octave = { readonly periodMs: number; readonly weight: number };

/**
 * Seeded smooth noise of time with mean 0 and variance about 1, within about ±3.
 * A pure function of its arguments: no call changes what a later one returns, so two processes with
 * one seed see one weather.
 */
export function smoothNoise(seed: number, channel: string, octaves: readonly Octave[]) {
  const layers = octaves.map(({ periodMs, weight }, index) => ({
    periodMs,
    weight,
    key: mix(seed ^ textHash(`${channel}/${index}`)),
  }));
  // A uniform lattice value has variance 1/3; smoothstep between two of them keeps 26/35 of it.
  const deviation = Math.sqrt(
    (26 / 105) * octaves.reduce((sum, { weight }) => sum + weight ** 2, 0),
  );
  return (timeMs: number): number => {
    let sum = 0;
    for (const { periodMs, weight, key } of layers) sum += weight * layer(key, timeMs / periodMs);
    return sum / deviation;
  };
}

/** A number in [0, 1) that depends on the seed and the name alone. */
export function seededFraction(seed: number, name: string): number {
  return mix(seed ^ textHash(name)) / 2 ** 32;
}

function layer(key: number, x: number): number {
  const index = Math.floor(x);
  const inside = x - index;
  const step = inside * inside * (3 - 2 * inside);
  return lattice(key, index) * (1 - step) + lattice(key, index + 1) * step;
}

/** Value in [-1, 1) at a lattice point. */
function lattice(key: number, index: number): number {
  return mix(key ^ Math.imul(index | 0, 0x9e3779b1)) / 2 ** 31 - 1;
}

/** The 32-bit finalizer of MurmurHash3 (A. Appleby, public domain): every input bit moves every output bit. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a, 32 bits. */
function textHash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
