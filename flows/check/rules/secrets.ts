import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import type { Flow, FlowNode } from "../flow.ts";

/** Secrets that stand in the flow itself, where an export or a backup would show them. */
export function checkSecrets(flow: Flow): Finding[] {
  return flow.nodes.flatMap((node) => {
    const found = new Set(secretsIn(node, node));
    return [...found].map((what) =>
      finding("secret.plain", "error", [node], {
        message: `${nameOf(node)} holds ${what} in plain text: whoever gets the flow, gets it`,
        remedy:
          "enter it in the node's password field, which is stored encrypted and never exported, or take it from the environment ($ and the name in braces; env.get in a function); and make a new one, for this one was written down",
      }),
    );
  });
}

const names =
  "pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|signing[_-]?key|private[_-]?key|credentials?";
/** Names of fields, variables and headers that hold secrets. */
const telling = new RegExp(
  `^(?:.*[._\\s-])?(?:(?:x[_-])?(?:${names})|(?:proxy-)?authorization|cookie)$`,
  "i",
);
const tellingWithin = /[a-z0-9](?:Password|Secret|Token|ApiKey|AccessKey|SigningKey|PrivateKey)$/;

/** `const apiKey = "…"`, `{ password: '…' }`, `token === "…"`, `headers["X-Api-Key"] = "…"`. */
const assigned = new RegExp(
  `(?:${names})["'\`]?\\]?\\s*(?:!?=+|:)\\s*(["'\`])((?:(?!\\1)[^\\\\\\n]){4,})\\1`,
  "gi",
);
/** What is compared or named so, and is no secret: types, and other names. */
const harmless =
  /^(?:string|number|object|undefined|function|boolean|bigint|symbol|msg|flow|global|env|str|none|null|true|false|payload|topic)$/;

/** What a secret looks like wherever it stands; the words say what it is, for the finding never repeats it. */
const looks: readonly (readonly [RegExp, string])[] = [
  [/["']?\bseed["']?\s*:\s*["'`][\w-]{40,}/, "the content of a key file"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [/\bwhsec_[\w+/=]{16,}/, "a webhook's signing key"],
  [/\bBearer\s+(?!\$|\{)[\w.~+/-]{12,}/i, "an access token"],
  [/\b[a-z][a-z+]{1,9}:\/\/[^\s/:@"'`]*:(?!\$\{|\{\{)[^\s/@$"'`]+@/i, "a password in an address"],
  [
    /[?&](?:access_|auth_|api_?)?(?:token|key|auth|password|secret|sig|signature)=(?!\$\{|\{\{)[^&\s"'`]{6,}/i,
    "a token in an address",
  ],
  [/\btk_[a-z0-9]{20,}/, "an access token"],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA)[\w-]{16,}/, "an access token"],
  [/\beyJ[\w-]{6,}\.eyJ[\w-]{6,}\.[\w-]{6,}/, "an access token"],
  [/(?:\bbtoa|\bBuffer\.from)\(\s*(["'`])[^"'`:\s$]+:[^"'`\s$]+\1/, "a name and a password"],
];

function* secretsIn(node: FlowNode, value: unknown, name = ""): Iterable<string> {
  if (typeof value === "string") return yield* inText(value, name);
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of fieldsOf(node, value as Readonly<Record<string, unknown>>, name)) {
    if (key === "wires" || key === "secretType" || key === "links" || key === "scope") continue;
    yield* secretsIn(node, inner, key);
  }
}

/** An object's fields, those that are a name and its value under that name. */
function* fieldsOf(
  node: FlowNode,
  value: Readonly<Record<string, unknown>>,
  name: string,
): Iterable<readonly [string, unknown]> {
  const pair = value === node ? undefined : pairIn(value);
  if (pair !== undefined) yield [pair.name, pair.value];
  for (const [key, inner] of Object.entries(value)) {
    if (pair?.held.includes(key)) continue;
    yield [Array.isArray(value) ? name : key, inner];
  }
}

/** Name and value in fields of their own: variables of a sheet, headers, what inject and change nodes set. */
function pairIn(value: Readonly<Record<string, unknown>>) {
  const { name, type, keyValue, valueValue, valueType, p, v, vt, to, tot } = value;
  const isText = (kind: unknown) =>
    kind === undefined || kind === "str" || kind === "other" || kind === "";
  if (typeof name === "string" && typeof value.value === "string") {
    // Of type "cred" they are stored apart.
    const isPlain = type !== "cred" && type !== "env";
    return { name, value: isPlain ? value.value : "", held: ["value", "name"] };
  }
  if (typeof keyValue === "string") {
    return {
      name: keyValue,
      value: isText(valueType) ? valueValue : "",
      held: ["keyValue", "valueValue"],
    };
  }
  if (typeof p !== "string") return undefined;
  const last =
    p
      .replaceAll(/["'\]]/g, "")
      .split(/[.[]/)
      .at(-1) ?? p;
  if (to !== undefined) {
    return {
      name: last,
      value: tot === "str" ? to : "",
      held: tot === "str" ? ["p", "to"] : ["p"],
    };
  }
  return { name: last, value: isText(vt) ? v : "", held: ["p", "v"] };
}

function* inText(text: string, name: string): Iterable<string> {
  for (const [look, what] of looks) if (look.test(text)) yield what;
  if (basicIn(text)) yield "a name and a password";
  const bare = text.trim();
  const isOpen = bare === "" || /^\$\{[^}]*\}$/.test(bare) || /^\{\{[^}]*\}\}$/.test(bare);
  if ((telling.test(name) || tellingWithin.test(name)) && !isOpen) yield `a value named ${name}`;
  for (const [found, , held = ""] of text.matchAll(assigned)) {
    if (held.includes("${") || held.includes("{{") || harmless.test(held.trim())) continue;
    yield `a value named ${/^[\w-]+/.exec(found)?.[0] ?? "secret"}`;
  }
}

/** HTTP's Basic: a name and a password that anybody can read (RFC 7617). */
function basicIn(text: string): boolean {
  return Array.from(text.matchAll(/\bBasic\s+([A-Za-z0-9+/]{6,}={0,2})/g)).some(
    ([, encoded = ""]) =>
      /^[\x20-\x7e]+:[\x20-\x7e]*$/.test(Buffer.from(encoded, "base64").toString("latin1")),
  );
}
