import {
  Failure,
  openEnvelope,
  type Signer,
  sealEnvelope,
  type Verify,
  verifyEnvelope,
} from "@busbar/protocol";

/** What a bundle says of itself, and what its signature binds. */
export type Manifest = {
  readonly name: "busbar-edge";
  /** As Debian compares them: 0.2.0-1. */
  readonly version: string;
  readonly arch: "arm64" | "amd64";
  /** Of the Node inside. */
  readonly node: string;
  /** The journal's form: a bundle of another one could not be rolled back. */
  readonly journal: number;
  /** SHA-256 of the list of checksums in the bundle, in hexadecimal digits: binds each file. */
  readonly sums: string;
  /** Of the pressed archive behind the manifest. */
  readonly payload: { readonly bytes: number; readonly sha256: string };
};

/** Signatures under bundles are for no chain; a key that signs readings signs no program by mistake. */
const domain = { chain: "update", kind: "bundle" };
const payloadBytesMax = 512 * 1024 * 1024;

export const manifestBytes = (manifest: Manifest): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(manifest));

/** The manifest under a signature. */
export const signManifest = (manifest: Manifest, signer: Signer): Uint8Array =>
  sealEnvelope(manifestBytes(manifest), domain, signer);

/**
 * What one of these keys signed. Throws: `Failure` `update.unsigned`, `update.signature`,
 * `update.manifest`.
 */
export function openManifest(
  bytes: Uint8Array,
  keys: readonly Uint8Array[],
  verify: Verify,
): Manifest {
  const opened = openEnvelope(bytes);
  if (!opened.ok) {
    const isPlain = bytes[0] === "{".charCodeAt(0);
    if (!isPlain) throw refused("update.signature", opened.message);
    throw refused("update.unsigned", "nobody signed this bundle: busbar-edge update sign");
  }
  const { envelope } = opened;
  if (!keys.some((key) => verifyEnvelope(envelope, domain, key, verify))) {
    const message = `none of the ${keys.length} keys in update-keys signed this bundle; add the signer's key there if you trust it`;
    throw refused("update.signature", message);
  }
  return parseManifest(envelope.payload);
}

/** What a bundle says that is not trusted, signed or not. Throws: `Failure` `update.manifest`. */
export function readManifest(bytes: Uint8Array): Manifest {
  const opened = openEnvelope(bytes);
  return parseManifest(opened.ok ? opened.envelope.payload : bytes);
}

/** Throws: `Failure` `update.manifest`. */
export function parseManifest(bytes: Uint8Array): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw refused("update.manifest", "the bundle's manifest is no JSON");
  }
  const { name, version, arch, node, journal, sums, payload } = Object(value) as Record<
    string,
    unknown
  >;
  const { bytes: size, sha256 } = Object(payload) as Record<string, unknown>;
  const isFit =
    name === "busbar-edge" &&
    matches(version, /^\d[0-9A-Za-z.+~-]{0,63}$/) &&
    (arch === "arm64" || arch === "amd64") &&
    matches(node, /^\d+\.\d+\.\d+$/) &&
    isCount(journal, 1_000_000) &&
    matches(sums, sha256Pattern) &&
    isCount(size, payloadBytesMax) &&
    matches(sha256, sha256Pattern);
  if (!isFit) {
    const message =
      "expected a manifest of busbar-edge with version, arch, node, journal, sums and payload";
    throw refused("update.manifest", message);
  }
  return { name, version, arch, node, journal, sums, payload: { bytes: size, sha256 } };
}

const sha256Pattern = /^[0-9a-f]{64}$/;
const matches = (value: unknown, pattern: RegExp): value is string =>
  typeof value === "string" && pattern.test(value);
const isCount = (value: unknown, max: number): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;

const refused = (code: string, message: string): Failure =>
  new Failure(code, message, { retry: "never" });
