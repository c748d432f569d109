import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import type { Flow, FlowNode } from "../flow.ts";

/** What a secret looks like; the words say what it is, for the finding never repeats it. */
const looks: readonly (readonly [RegExp, string])[] = [
  [/"seed"\s*:\s*"[\w-]{40,}/, "the content of a key file"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [/\bwhsec_[\w+/=]{16,}/, "a webhook's signing key"],
  [/\bBearer\s+[\w.~+/-]{12,}/i, "an access token"],
  [/\b(?:mqtts?|https?|wss?):\/\/[^\s/:@]+:[^\s/@$]+@/, "a password in an address"],
  [/\btk_[a-z0-9]{20,}/, "an access token"],
];

/** Names of fields and variables that hold secrets. */
const telling = /^(?:.*[_-])?(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)$/i;

/** Secrets that stand in the flow itself, where an export or a backup would show them. */
export function checkSecrets(flow: Flow): Finding[] {
  return flow.nodes.flatMap((node) => {
    const found = new Set(secretsIn(node, node));
    return [...found].map((what) =>
      finding("secret.plain", "error", [node], {
        message: `${nameOf(node)} holds ${what} in plain text: whoever gets the flow, gets it`,
        remedy:
          "enter it in the node's password field, which is stored encrypted and never exported, or take it from the environment ($ and the name in braces); and make a new one, for this one was written down",
      }),
    );
  });
}

function* secretsIn(node: FlowNode, value: unknown, name = ""): Iterable<string> {
  if (typeof value === "string") {
    for (const [look, what] of looks) if (look.test(value)) yield what;
    const isVariable = /^\$\{[^}]*\}$/.test(value.trim());
    if (telling.test(name) && value.trim() !== "" && !isVariable) yield `a value named ${name}`;
    return;
  }
  if (typeof value !== "object" || value === null) return;
  // Variables of a tab or a subflow are pairs of name and value; of type "cred" they are stored apart.
  const { name: variable, value: held, type } = value as Record<string, unknown>;
  const isPair = typeof variable === "string" && typeof held === "string" && value !== node;
  if (isPair && type !== "cred" && type !== "env") yield* secretsIn(node, held, variable);
  for (const [key, inner] of Object.entries(value)) {
    if (isPair && key === "value") continue;
    if (key === "wires" || key === "secretType") continue;
    yield* secretsIn(node, inner, Array.isArray(value) ? name : key);
  }
}
