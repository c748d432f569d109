import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { brokerProblem, fingerprintOf, schemes } from "./broker-url.ts";
import { loadConfig } from "./load.ts";
import { loadMembership } from "./membership-file.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "edge.yaml");

const good = `site: demo
device: { id: unit-1 }
owner: { id: anna }
meters:
  - id: anna-grid
    profile: eastron-sdm630
    connection: { kind: tcp, host: 127.0.0.1, port: 5020 }
`;

function load(text: string) {
  writeFileSync(file, text);
  return loadConfig(file);
}

/** The messages for an edited file, without the file's name. */
function problems(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, "config.invalid");
    return error.message.split("\n").map((line) => line.slice(file.length + 1));
  }
  return [];
}

test("four lines and a meter are a whole configuration; paths are relative to the file", () => {
  const config = load(good);
  assert.equal(config.data, join(folder, "data"));
  assert.equal(config.device.key, join(folder, "device.key"));
  assert.equal(config.sampling.everySeconds, 60);
  assert.equal(config.status.host, "::");
  assert.equal(config.agent.enabled, false);
  assert.equal(config.meters[0]?.profile, "eastron-sdm630");
  assert.equal(
    load(good.replace("eastron-sdm630", "./mine.yaml")).meters[0]?.profile,
    join(folder, "mine.yaml"),
  );
});

test("each mistake names its line, what was expected and what came", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["site: demo", "site: Demo", /^1: site: expected an id.*"Demo"/],
    [
      "  - id: anna-grid",
      "  - idd: anna-grid",
      /^5: unknown key meters\.0\.idd; did you mean id\?/,
    ],
    ["kind: tcp, host", "kind: tpc, host", /^7: meters\.0\.connection.*rtu-over-tcp, tcp or gpio/],
    ["port: 5020", "port: 0", /^7: meters\.0\.connection\.port: .*got 0/],
    [
      "port: 5020",
      "prot: 5020",
      /^7: unknown key meters\.0\.connection\.prot; did you mean port\?/,
    ],
    [
      "owner: { id: anna }",
      "owner: { id: anna, party: usr }",
      /^3: owner\.party: .*user.*got "usr"/,
    ],
    [
      "site: demo",
      "site: demo\nsampling: { everySeconds: fast }",
      /^2: sampling\.everySeconds: .*"fast"/,
    ],
    [
      "site: demo",
      "site: demo\nsampling: { everySecond: 5 }",
      /^2: unknown key .*did you mean everySeconds\?/,
    ],
    ["site: demo", "site: demo\nsite: other", /^2: /],
  ];
  for (const [from, to, expected] of cases) {
    const found = problems(good.replace(from, to));
    assert.ok(
      found.some((line) => expected.test(line)),
      `${to}: ${found.join(" | ")}`,
    );
  }
});

test("a broker's TLS: files beside edge.yaml, a fingerprint as people write it, cert and key together", () => {
  const fingerprint = `sha256:${"AB:".repeat(31)}CD`;
  const tls = (text: string) => `${good}brokers:\n  - { url: "mqtts://b", tls: { ${text} } }\n`;
  const [broker] = load(tls(`ca: ca.pem, serverName: x, fingerprint: "${fingerprint}"`)).brokers;
  assert.equal(broker?.tls?.ca, join(folder, "ca.pem"));
  assert.equal(broker?.tls?.serverName, "x");
  assert.equal(broker?.tls?.fingerprint, fingerprint);
  assert.equal(fingerprintOf(fingerprint), `${"ab".repeat(31)}cd`);
  assert.match(problems(tls("cert: a.pem")).join(), /brokers\.0\.tls\.cert: expected cert and key/);
  assert.match(problems(tls("fingerprint: abc")).join(), /sha256: and 64 hexadecimal digits/);
  const wss = tls(`fingerprint: "${fingerprint}"`).replace("mqtts://b", "wss://b");
  assert.match(problems(wss).join(), /expected mqtts where tls\.fingerprint is set/);
});

test("an agent follows the reference unless it is told another strategy, which is checked", () => {
  const agent = (text: string) => `${good}agent: { enabled: true, strategy: ${text} }\n`;
  assert.deepEqual(load(good).agent.strategy, { kind: "follow-reference", roomPermille: 30 });
  assert.deepEqual(load(agent("{ kind: learned-ramp }")).agent.strategy, {
    kind: "learned-ramp",
    roomPermille: 30,
    learnPermille: 50,
  });
  const margin = "{ kind: fixed-margin, marginMicroPerKwh: 20000 }";
  assert.equal(load(agent(margin)).agent.strategy.kind, "fixed-margin");
  for (const [wrong, message] of [
    ["{ kind: fixed-margin }", /8: agent\.strategy\.marginMicroPerKwh/],
    ["{ kind: fixed-margin, marginMicroPerKwh: -1 }", /marginMicroPerKwh: .*-1/],
    ["{ kind: follow-reference, roomPermille: 501 }", /roomPermille: .*501/],
    ["{ kind: learned-ramp, learnPermille: 0 }", /learnPermille: .*0/],
    ["{ kind: guess }", /agent\.strategy.*follow-reference/],
    ["{ kind: learned-ramp, margin: 3 }", /unknown key agent\.strategy\.margin/],
  ] as const) {
    assert.match(problems(agent(wrong)).join(), message, wrong);
  }
});

test("one meter stands once", () => {
  const twice = `${good}${good.slice(good.indexOf("  - id"))}`;
  assert.match(problems(twice).join(), /8: meters\.1\.id: the meter anna-grid stands twice/);
});

test("one device is no two meters: it would be billed twice", () => {
  const meter = (id: string, unit: number) =>
    `  - { id: ${id}, profile: eastron-sdm630, unit: ${unit}, connection: { kind: tcp, host: 10.0.0.7 } }\n`;
  const head = good.slice(0, good.indexOf("meters:"));
  assert.match(
    problems(`${head}meters:\n${meter("a", 1)}${meter("b", 2)}${meter("c", 1)}`).join(),
    /meters\.2\.unit: c reads unit 1 at 10\.0\.0\.7:502, which is a already/,
  );
});

test("no garbage is taken for a configuration, and none ends in anything but a Failure", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(good.length), fc.nat(20), (noise, at, cut) => {
      const text = good.slice(0, at) + noise + good.slice(at + cut);
      writeFileSync(file, text);
      try {
        assert.equal(loadConfig(file).site.length > 0, true);
      } catch (error) {
        assert.ok(error instanceof Failure, String(error));
        assert.match(error.message, /:\d+: /);
      }
    }),
    { numRuns: 200 },
  );
});

test("a broker address is one of four schemes, and plain text stays on this machine", () => {
  const url = (text: string, more = {}) =>
    brokerProblem({ url: text, allowPlainText: false, ...more });
  assert.equal(url("mqtt://127.0.0.1:1883"), undefined);
  assert.equal(url("mqtts://broker.example"), undefined);
  assert.equal(url("wss://broker.example/mqtt"), undefined);
  assert.equal(url("mqtt://localhost"), undefined);
  assert.equal(url("ws://[::1]:9001/"), undefined);
  assert.equal(url("mqtt://broker.example", { allowPlainText: true }), undefined);
  assert.match(url("mqtt://broker.example") ?? "", /allowPlainText/);
  assert.match(url("mqttss://broker.example") ?? "", /did you mean mqtts\?/);
  assert.match(url("mqttz://127.0.0.1") ?? "", /expected one of mqtt, mqtts, ws, wss/);
  assert.match(url("127.0.0.1:1883") ?? "", /expected/);
  assert.match(url("mqtt://anna:secret@127.0.0.1") ?? "", /no user/);
  assert.match(url("mqtts://broker.example?clientId=other") ?? "", /query/);
  assert.match(url("mqtt://127.0.0.1", { tls: {} }) ?? "", /mqtts or wss/);
});

test("no mistyped scheme is ever accepted", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,7}$/), (scheme) => {
      const known = schemes.some((name) => name === scheme);
      const problem = brokerProblem({ url: `${scheme}://127.0.0.1:1883`, allowPlainText: true });
      assert.equal(problem === undefined, known, scheme);
    }),
  );
});

test("a membership is of this site or refused; a missing one is waited for", () => {
  const path = join(folder, "membership.json");
  assert.equal(loadMembership(path, "demo"), undefined);
  const key = Buffer.alloc(32, 7).toString("base64url");
  const members = [{ id: "m1", key, voting: true, role: "recorder" }];
  const write = (value: object) => writeFileSync(path, JSON.stringify(value));
  write({ chain: "demo", site: "demo", members, brokers: ["mqtt://127.0.0.1:1883"] });
  assert.equal(loadMembership(path, "demo")?.members[0]?.key.length, 32);
  assert.throws(() => loadMembership(path, "other"), { code: "membership.other-site" });
  write({ chain: "demo", site: "demo", members: [{ id: "m1", key: "short", voting: true }] });
  assert.throws(() => loadMembership(path, "demo"), { code: "config.invalid" });
});

const meterLine = (id: string, profile: string, more = "") =>
  `  - { id: ${id}, profile: ${profile}, connection: { kind: rtu, path: /dev/ttyUSB0 }${more} }\n`;
const meters = (...lines: readonly string[]) =>
  problems(`${good.slice(0, good.indexOf("  - id"))}${lines.join("")}`);

test("meters with addresses share a line, each address once", () => {
  const [one, other] = [', address: "161"', ', address: "000000000161"'];
  const two = ', address: "162"';
  assert.deepEqual(
    meters(meterLine("a", "dlt645-2007", one), meterLine("b", "dlt645-2007", two)),
    [],
  );
  assert.match(
    meters(meterLine("a", "dlt645-2007", one), meterLine("b", "dlt645-2007", other)).join(),
    /b reads address 000000000161 at \/dev\/ttyUSB0, which is a already/,
  );
});

test("a meter that talks unasked or is asked without an address needs a line of its own", () => {
  for (const [profile, more] of [
    ["sml", ""],
    ["dsmr", ""],
    ["dlt645-2007", ""],
    ["mbus", ', address: "254"'],
  ] as const) {
    assert.match(
      meters(meterLine("a", profile, more), meterLine("b", "mbus", ', address: "7"')).join(),
      /has a on it already, and a needs a line of its own/,
    );
  }
});

test("an address is text, there where the protocol has one and needs one", () => {
  assert.match(meters(meterLine("a", "mbus")).join(), /expected the address: 0 to 250/);
  assert.match(meters(meterLine("a", "mbus", ", address: 7")).join(), /expected text in quotes/);
  assert.match(meters(meterLine("a", "sml", ', address: "7"')).join(), /sml has no addresses/);
});

const pulses = (place: string, more = "") =>
  meters(`  - { id: a, profile: s0, connection: { kind: gpio, ${place} }${more} }\n`).join();

test("a pulse output needs its line and its constant, and nothing else is on a GPIO line", () => {
  const constant = ", pulsesPerKwh: 1000";
  assert.equal(pulses("offset: 17", constant), "");
  assert.match(pulses("offset: 17"), /expected pulsesPerKwh: the constant on the meter's plate/);
  assert.match(pulses("chip: gpiochip0", constant), /connection\.offset/);
  assert.match(pulses("chip: --help, offset: 1", constant), /as gpiodetect names it/);
  for (const value of ["0", "-5", "0.5", "many", "1000000001"]) {
    assert.match(pulses("offset: 17", `, pulsesPerKwh: ${value}`), /pulsesPerKwh/);
  }
  assert.match(meters(meterLine("a", "s0", constant)).join(), /expected kind: gpio/);
  const other = meters("  - { id: a, profile: sml, connection: { kind: gpio, offset: 17 } }\n");
  assert.match(other.join(), /a GPIO line carries pulses, profile s0, not sml/);
  const line = (id: string, offset: number) =>
    `  - { id: ${id}, profile: s0, connection: { kind: gpio, offset: ${offset} }${constant} }\n`;
  assert.deepEqual(meters(line("a", 17), line("b", 27)), []);
  assert.match(meters(line("a", 17), line("b", 17)).join(), /b reads gpiochip0:17, which is a/);
});

test("what only some profiles have is refused elsewhere", () => {
  const readout = ", startBaud: 300, baudMax: 9600, parityBy: line, energyUnit: kWh, mode: B";
  assert.deepEqual(meters(meterLine("a", "iec62056-21", readout)), []);
  assert.match(
    meters(meterLine("a", "sml", ", startBaud: 300")).join(),
    /profile sml has no startBaud; leave it out/,
  );
  assert.match(
    meters(meterLine("a", "iec62056-21-push", ", baudMax: 300")).join(),
    /iec62056-21-push has no baudMax/,
  );
  for (const wrong of ["startBaud: 301", "parityBy: odd", "energyUnit: J", "mode: D"]) {
    assert.notEqual(meters(meterLine("a", "iec62056-21", `, ${wrong}`)).join(), "");
  }
  assert.match(
    meters(meterLine("a", "iec62056-21", ', address: "/?!"')).join(),
    /expected an address of 1 to 32 digits and letters/,
  );
  const rtu = (more: string) =>
    meters(
      `  - { id: a, profile: iec62056-21, startBaud: 300, connection: { kind: rtu, path: /dev/x, ${more} } }\n`,
    ).join();
  assert.match(rtu("parity: even"), /leave parity out/);
  assert.match(rtu("baud: 600"), /are the same thing/);
  assert.equal(rtu("baud: 300"), "");
});

test("two asked IEC 62056-21 meters share a line when both have addresses", () => {
  const one = meterLine("a", "iec62056-21", ', address: "1"');
  assert.deepEqual(meters(one, meterLine("b", "iec62056-21", ', address: "2"')), []);
  assert.match(meters(one, meterLine("b", "iec62056-21")).join(), /b needs a line of its own/);
});
