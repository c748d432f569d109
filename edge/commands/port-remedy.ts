import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { userInfo } from "node:os";
import { basename } from "node:path";
import type { Failure } from "@busbar/protocol";
import type { Connection } from "../meters/meter.ts";
import { serialPortAt } from "../meters/serial-ports.ts";

/** What to do about a port that could not be used, beyond what its failure says; sentences. */
export function portRemedies(connection: Connection, { code }: Failure): readonly string[] {
  if (connection.kind !== "rtu") return [];
  const { path } = connection;
  if (code === "meter.port-denied") {
    return [`sudo usermod -aG dialout ${userInfo().username}, then sign in anew`];
  }
  if (code === "meter.port-busy") {
    const holders = holdersOf(path);
    const stop = holders.length === 0 ? `sudo fuser -v ${path} names it` : holders.join(", ");
    return [stop, ...(serialPortAt(path)?.warnings ?? [])];
  }
  return serialPortAt(path)?.warnings ?? [];
}

/** The programs that hold a file open, as far as this user may see: "mbmd (process 812)". */
function holdersOf(path: string): string[] {
  const target = unlessGone(() => realpathSync(path));
  if (target === undefined) return [];
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.flatMap((id) => {
    // Processes end while they are looked at, and those of others may not be looked into.
    const files = unlessGone(() => readdirSync(`/proc/${id}/fd`)) ?? [];
    const holds = files.some(
      (file) => unlessGone(() => readlinkSync(`/proc/${id}/fd/${file}`)) === target,
    );
    if (!holds || Number(id) === process.pid) return [];
    return [`${commandOf(id)} (process ${id}) holds it`];
  });
}

/** A program and what it runs: "node red.js", "mbmd". */
function commandOf(id: string): string {
  const words = unlessGone(() => readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0")) ?? [];
  const named = words.slice(0, 2).filter((word) => word !== "" && !word.startsWith("-"));
  return named.map((word) => basename(word).slice(0, 40)).join(" ") || "a program";
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
