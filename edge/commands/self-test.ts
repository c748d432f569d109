import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, utcMs } from "@busbar/protocol";
import { verifyPure } from "@busbar/protocol/ed25519";
import { openKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { type Finding, fault, ok } from "../doctor/finding.ts";
import { filesFinding, nodeFinding } from "../doctor/installation.ts";
import { decodeCapture } from "../framing/decode-capture.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { verifyJournal } from "../journal/verify.ts";
import { loadProfiles } from "../meters/profile.ts";
import { version } from "../version.ts";
import { exitCode, print } from "./output.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Tries on this machine what a unit is made of: its files, its signatures, its journal, its serial ports'
 * native code, its profiles and frames. Touches no meter, no network and none of the unit's own files.
 */
export async function selfTestCommand({
  json = false,
}: {
  readonly json?: boolean;
}): Promise<void> {
  const findings: Finding[] = [];
  const folder = mkdtempSync(join(tmpdir(), "busbar-self-test-"));
  try {
    findings.push(nodeFinding(process.version, ["x64", "arm64"].includes(process.arch)));
    findings.push(await tried("signatures", () => signatures(folder)));
    findings.push(await tried("journal", () => journal(folder)));
    findings.push(await tried("serial ports", () => serialCode(folder)));
    findings.push(await tried("profiles", () => `${loadProfiles().size} profiles`));
    findings.push(await tried("frames", frames));
    findings.push(filesFinding(root));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const isOk = findings.every(({ state }) => state !== "fault");
  const platform = `${process.platform}-${process.arch}`;
  print(json, { ok: isOk, version, node: process.version, platform, findings }, () =>
    [
      `busbar-edge ${version}, ${platform}`,
      ...findings.map(textOf),
      isOk ? "This installation works." : "This installation does not work.",
    ].join("\n"),
  );
  if (!isOk) process.exitCode = exitCode.failed;
}

function textOf({ check, state, message, remedy }: Finding): string {
  const mark = { ok: "ok     ", warning: "warning", fault: "FAULT  " }[state];
  return `${mark}  ${check}: ${message}${remedy === undefined ? "" : `\n         → ${remedy}`}`;
}

/** What was tried gives its message, or throws: then it does not work here. */
async function tried(check: string, work: () => string | Promise<string>): Promise<Finding> {
  try {
    return ok(check, await work());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fault(
      check,
      message,
      "install the package anew; if that does not help, report this output",
    );
  }
}

const fails = (message: string): never => {
  throw new Failure("self-test.failed", message, { retry: "never" });
};

/** Node's signatures and the ones that run anywhere agree, and both notice a changed byte. */
function signatures(folder: string): string {
  const signer = signerOf(openKeyFile(join(folder, "device.key")));
  const message = new Uint8Array(randomBytes(200));
  const signature = signer.sign(message);
  const other = message.map((byte, at) => (at === 0 ? byte ^ 1 : byte));
  for (const check of [verify, verifyPure]) {
    if (!check(signature, message, signer.publicKey)) fails("a signature of its own is refused");
    if (check(signature, other, signer.publicKey)) fails("a changed message passes");
  }
  return "Ed25519 by two implementations that agree";
}

/** A reading is signed, kept, and still there when the file is opened again. */
function journal(folder: string): string {
  const path = join(folder, "data", "journal.db");
  const signer = signerOf(openKeyFile(join(folder, "device.key")));
  const registers = new Map([["1-0:1.8.0", [1, 0] as const]]);
  const first = new Journal(openDatabase(path), { chain: "self-test", signer });
  first.append([{ meter: "m", entry: { time: utcMs(1), clock: 16, registers, quality: 0 } }]);
  first.seal("m", 1);
  first.close();
  const database = openDatabase(path);
  const { problems, readings } = verifyJournal(database, "self-test");
  database.close();
  if (problems.length > 0 || readings !== 1) fails("a reading was kept, and is not as it was");
  return "SQLite keeps what was acknowledged";
}

/** The native code is there for this processor: it looks for a port, and says that there is none. */
async function serialCode(folder: string): Promise<string> {
  // Loads the native code; where that fails it is this part that does not work, and not the command.
  const { SerialLine } = await import("../framing/serial-line.ts");
  const line = new SerialLine(join(folder, "no-port"), {
    baud: 9600,
    parity: "none",
    stopBits: 1,
  });
  try {
    await line.open({ data: () => {}, lost: () => {} });
  } catch (error) {
    if (error instanceof Failure && error.code === "meter.port-missing") return "native code runs";
    throw error;
  }
  return fails("a port was opened that is not there");
}

/** An energy register of a DL/T 645 meter, as one sent it: 0.26 kWh. */
const frame = "68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8a 16";

function frames(): string {
  const bytes = new TextEncoder().encode(frame);
  for (const entry of decodeCapture({ protocol: "dlt645", bytes })) {
    const reading = entry.ok && "readings" in entry ? entry.readings?.[0] : undefined;
    if (reading?.value === "0.26") return "a recorded frame reads as its meter showed";
  }
  return fails("a recorded frame does not read as its meter showed");
}
