import { type Case, change, code, node, type Part, site, tab, unit } from "./parts.ts";

const variable = (name: string) => ["$", "{", name, "}"].join("");
const seed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const plain = (what: string, wrong: readonly Part[], right: readonly Part[]): Case => ({
  code: "secret.plain",
  what,
  wrong,
  right,
});
const inCode = (what: string, wrong: string, right: string) =>
  plain(
    what,
    [unit("power", "fn"), code(wrong, "debug")],
    [unit("power", "fn"), code(right, "debug")],
  );
const header = (row: object) => [
  node("i", "inject", "ask"),
  node("ask", "http request", "debug", { headers: [row] }),
];
const asks = (url: string) => [
  node("i", "inject", "ask"),
  node("ask", "http request", "debug", { url }),
];
const basic = Buffer.from("house:hunter2").toString("base64");

/** Secrets in plain text. */
export const secretCases: readonly Case[] = [
  inCode(
    "a key file in a function",
    `const key = {"seed":"${seed}"};`,
    "const key = { seed: 'seventeen' };",
  ),
  inCode(
    "a key in a function, as JavaScript writes it",
    `const key = { seed: '${seed}' };`,
    "return msg;",
  ),
  inCode(
    "a password in a function",
    'const password = "hunter2hunter2";\nreturn msg;',
    'const password = env.get("PASSWORD");\nreturn msg;',
  ),
  inCode(
    "a key in a function's headers",
    "msg.headers = { 'X-API-Key': 'hunter2-hunter2' };\nreturn msg;",
    "msg.headers = { 'X-API-Key': env.get('API_KEY') };\nreturn msg;",
  ),
  inCode(
    "a token that is compared",
    'if (msg.token !== "hunter2-hunter2") return null;\nreturn msg;',
    'if (typeof msg.token !== "string") return null;\nreturn msg;',
  ),
  inCode(
    "HTTP's Basic in a function",
    `msg.headers = { Authorization: "Basic ${basic}" };\nreturn msg;`,
    "// Basic information about the house.\nreturn msg;",
  ),
  inCode(
    "a name and a password made into HTTP's Basic",
    'const basic = Buffer.from("house:hunter2").toString("base64");',
    "const basic = Buffer.from(msg.payload).toString('base64');",
  ),
  inCode(
    "a token in a function's address",
    'msg.url = "https://api.example.org/v1?token=hunter2hunter2";\nreturn msg;',
    `msg.url = \`https://api.example.org/v1?token=${variable('env.get("T")')}\`;\nreturn msg;`,
  ),
  plain(
    "a password in an address",
    [{ ...site, id: "s", connection: "s", broker: "mqtts://house:hunter2@127.0.0.1" }],
    [{ ...site, id: "s", connection: "s", broker: `mqtts://house:${variable("P")}@127.0.0.1` }],
  ),
  plain(
    "a key in an address",
    asks("https://api.example.org/v1?api_key=hunter2hunter2"),
    asks("https://api.example.org/v1?api_key={{key}}&page=2"),
  ),
  plain(
    "a header row of an HTTP request",
    header({ keyType: "other", keyValue: "X-API-Key", valueType: "other", valueValue: "hunter2" }),
    header({ keyType: "other", keyValue: "X-API-Key", valueType: "msg", valueValue: "key" }),
  ),
  plain(
    "a header row with HTTP's Basic",
    header({
      keyType: "other",
      keyValue: "Authorization",
      valueType: "other",
      valueValue: `Basic ${basic}`,
    }),
    header({ keyType: "Accept", keyValue: "", valueType: "other", valueValue: "text/plain" }),
  ),
  plain(
    "a change node sets a header",
    [
      node("i", "inject", "ch"),
      change("debug", {
        t: "set",
        p: "headers.X-API-Key",
        pt: "msg",
        to: "hunter2hunter2",
        tot: "str",
      }),
    ],
    [
      node("i", "inject", "ch"),
      change("debug", { t: "set", p: "headers.X-API-Key", pt: "msg", to: "API_KEY", tot: "env" }),
    ],
  ),
  plain(
    "an inject node sends a password",
    [node("i", "inject", "debug", { props: [{ p: "password", v: "hunter2", vt: "str" }] })],
    [node("i", "inject", "debug", { props: [{ p: "password", v: "PASSWORD", vt: "env" }] })],
  ),
  plain(
    "a token in a template",
    [
      node("i", "inject", "t"),
      node("t", "template", "debug", { template: '{"apiKey": "hunter2hunter2"}' }),
    ],
    [
      node("i", "inject", "t"),
      node("t", "template", "debug", { template: '{"apiKey": "{{key}}"}' }),
    ],
  ),
  plain(
    "a token in a sheet's variables",
    [{ ...tab, id: "tab-2", env: [{ name: "PUSH_TOKEN", value: "abc", type: "str" }] }],
    [{ ...tab, id: "tab-2", env: [{ name: "PUSH_TOKEN", value: variable("TOKEN"), type: "env" }] }],
  ),
  plain(
    "a private key in a comment",
    [node("c", "comment", "", { info: "-----BEGIN PRIVATE KEY-----\nMIIE", wires: [] })],
    [node("c", "comment", "", { info: "The private key stands in a file.", wires: [] })],
  ),
];
