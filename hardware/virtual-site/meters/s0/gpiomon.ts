import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

/**
 * Stands in for libgpiod's gpiomon where there is no GPIO chip: takes the options of version 1.6 or 2.2
 * (GPIOMON_VERSION) and prints as it does. Edges come over the socket GPIOMON_SOCKET, one a line: `1`
 * or `0` for the level and the microseconds; `raw` and a text prints that text; `exit` and a code ends.
 */
const version = process.env.GPIOMON_VERSION ?? "1.6.3";
const second = version.startsWith("2.");

const die = (text: string): never => {
  console.error(`gpiomon: ${text}`);
  process.exit(1);
};

if (process.argv.includes("--version")) {
  console.log(`gpiomon (libgpiod) v${version}`);
  process.exit(0);
}

const flag = { type: "boolean" } as const;
const text = { type: "string" } as const;
const options = {
  "line-buffered": flag,
  "active-low": flag,
  bias: text,
  format: text,
  chip: text,
  edges: text,
  "event-clock": text,
} as const;
const foreign = second ? ["line-buffered"] : ["chip", "edges", "event-clock"];

const { values, positionals } = readArguments();
const offset = positionals.at(-1) ?? "";
const biases = second
  ? ["pull-up", "pull-down", "disabled"]
  : ["pull-up", "pull-down", "disable", "as-is"];
if (!/^\d+$/.test(offset)) die("at least one GPIO line offset must be specified");
if (!biases.includes(String(values.bias))) die(`invalid bias: ${values.bias}`);
if (!second && values["line-buffered"] !== true) die("a pipe would hold the lines back");
const low = values["active-low"] === true;

const socket = connect(process.env.GPIOMON_SOCKET ?? die("GPIOMON_SOCKET is not set"));
socket.on("error", (error) => die(`unable to request lines: ${error.message}`));
socket.on("end", () => die("unable to request lines: Device or resource busy"));
socket.write(`${process.pid} ${process.argv.slice(2).join(" ")}\n`);
createInterface({ input: socket }).on("line", (line) => {
  const [what = "", ...rest] = line.split(" ");
  if (what === "raw") console.log(rest.join(" "));
  else if (what === "exit") process.exit(Number(rest[0]));
  else console.log(event(what === "1", Number(rest[0])));
});

function readArguments() {
  try {
    const read = parseArgs({ options, allowPositionals: true });
    const strange = Object.keys(read.values).find((name) => foreign.includes(name));
    if (strange !== undefined) die(`unrecognized option '--${strange}'`);
    return read;
  } catch (error) {
    return die((error as Error).message);
  }
}

/** The line of output for a level, in the format that was asked for. */
function event(high: boolean, us: number): string {
  const rising = high !== low;
  const seconds = Math.floor(us / 1_000_000);
  const nanoseconds = (us % 1_000_000) * 1000;
  const parts: Readonly<Record<string, string>> = second
    ? {
        e: rising ? "1" : "2",
        o: offset,
        S: `${seconds}.${String(nanoseconds).padStart(9, "0")}`,
      }
    : { e: rising ? "1" : "0", o: offset, s: `${seconds}`, n: `${nanoseconds}` };
  return String(values.format).replace(/%(.)/g, (all, letter: string) => parts[letter] ?? all);
}
