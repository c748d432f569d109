import { Failure, isId, type Refusal, type Signer } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { entered, optional, unsetVariable } from "../link/form.ts";

/** What a person entered in a site node, checked. */
export type SiteSettings = {
  readonly url: string;
  /** Site id, which is the chain id too. */
  readonly site: string;
  readonly identity: string;
  /** MQTT client id `<identity>:<connection>`: a second connection beside the identity's own. */
  readonly client: string;
  /** The member whose broker it is, or the site's id where that is not known. */
  readonly broker: string;
  readonly signer: Signer;
  /** X25519 secret that opens the identity's notices. */
  readonly boxSecret: Uint8Array;
  /** Address of the aggregator's portal, for links. */
  readonly portal: string | undefined;
};

/** Properties as the editor stores them; `key` comes from the node's credentials. */
export type SiteForm = {
  readonly broker?: unknown;
  readonly site?: unknown;
  readonly member?: unknown;
  readonly identity?: unknown;
  readonly connection?: unknown;
  readonly keyFile?: unknown;
  readonly portal?: unknown;
  readonly key?: unknown;
};

const labelPattern = /^[a-z0-9-]{1,31}$/;

/** Checks a site node's form and loads its key; codes `flows.*` and `key.*`. */
export function readSiteSettings(form: SiteForm): { ok: true; settings: SiteSettings } | Refusal {
  const missing = required.flatMap((name) => unset(name, form[name]));
  if (missing[0] !== undefined) return missing[0];
  const url = entered(form.broker);
  if (!/^mqtts?:\/\/[^/]/.test(url)) {
    return refuse("flows.broker-url", `broker: expected mqtt://host:1883 or mqtts://…, got ${url}`);
  }
  const [site, identity, member] = [
    entered(form.site),
    entered(form.identity),
    optional(form.member),
  ];
  const label = optional(form.connection) || "flows";
  for (const [name, value] of [
    ["site", site],
    ["identity", identity],
    ["member", member],
  ] as const) {
    if (value !== "" && !isId(value)) {
      return refuse("flows.id", `${name}: expected lower case, digits and inner -, got ${value}`);
    }
  }
  if (!labelPattern.test(label)) {
    return refuse(
      "flows.connection",
      `connection: expected 1 … 31 of a-z, 0-9 and -, got ${label}`,
    );
  }
  const key = loadKey(form);
  if (!key.ok) return key;
  const settings = {
    url,
    site,
    identity,
    client: `${identity}:${label}`,
    broker: member || site,
    signer: key.signer,
    boxSecret: key.boxSecret,
    portal: optional(form.portal) || undefined,
  };
  return { ok: true, settings };
}

const required = ["broker", "site", "identity"] as const;

type Key = { readonly ok: true; readonly signer: Signer; readonly boxSecret: Uint8Array };

function loadKey(form: SiteForm): Key | Refusal {
  const pasted = optional(form.key);
  if (pasted !== "") return pastedKey(pasted);
  const [refusal] = unset("keyFile", form.keyFile);
  if (refusal !== undefined) return refusal;
  try {
    return keyOf(readKeyFile(entered(form.keyFile)));
  } catch (error) {
    if (error instanceof Failure) return refuse(error.code, error.message);
    throw error;
  }
}

/** A key file's content in the credential field. The message never repeats what was pasted. */
function pastedKey(pasted: string): Key | Refusal {
  const malformed = refuse(
    "key.malformed",
    'key: expected the content of a key file, {"seed": "…", "box": "…"} in base64url',
  );
  try {
    const { seed, box } = JSON.parse(pasted) as Record<string, unknown>;
    const parts = [seed, box].map((part) => Buffer.from(String(part), "base64url"));
    const [seedBytes, boxBytes] = parts;
    if (seedBytes?.length !== 32 || boxBytes?.length !== 32) return malformed;
    return keyOf({ seed: seedBytes, box: boxBytes });
  } catch {
    // Text that is no JSON is the same mistake as JSON of another shape.
    return malformed;
  }
}

function keyOf(key: { readonly seed: Uint8Array; readonly box: Uint8Array }): Key {
  return { ok: true, signer: signerOf(key), boxSecret: key.box };
}

function unset(name: string, value: unknown): Refusal[] {
  const variable = unsetVariable(value);
  if (variable !== undefined) {
    const message = `${name}: the environment variable ${variable} is not set`;
    return [refuse("flows.variable-unset", message)];
  }
  if (entered(value) === "") return [refuse("flows.field-missing", `${name}: nothing entered`)];
  return [];
}

function refuse(code: string, message: string): Refusal {
  return { ok: false, code, message };
}
