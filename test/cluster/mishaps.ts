import { setTimeout as sleep } from "node:timers/promises";
import { program } from "../support/programs.ts";
import type { Cluster } from "./cluster.ts";
import type { MemberProcess } from "./member-process.ts";

const strace = program("strace", "strace");

/** Each sync of a slow disk takes so much longer, in µs. */
const slowSyncUs = 100_000;

/**
 * What can happen to one member. Each resolves when it is over, and the units have got receipts in the
 * meantime: the others go on without it.
 */
export const mishaps = {
  async kill(cluster: Cluster, member: MemberProcess) {
    await member.stop();
    await cluster.progress();
    await member.start();
  },

  async pause(cluster: Cluster, member: MemberProcess) {
    member.pause();
    await cluster.progress();
    member.resume();
  },

  async "stop and go"(cluster: Cluster, member: MemberProcess) {
    for (let i = 0; i < 10; i++) {
      member.pause();
      await sleep(150);
      member.resume();
      await sleep(50);
    }
    await cluster.progress();
  },

  async cut(cluster: Cluster, member: MemberProcess) {
    const wires = cluster.wiresOf(member);
    for (const wire of wires) wire.cut();
    await cluster.progress();
    for (const wire of wires) wire.heal();
  },

  async "silent wires"(cluster: Cluster, member: MemberProcess) {
    const wires = cluster.wiresOf(member);
    for (const wire of wires) wire.goSilent();
    await cluster.progress();
    for (const wire of wires) wire.heal();
  },

  async wipe(cluster: Cluster, member: MemberProcess) {
    await member.stop();
    member.wipe();
    await cluster.progress();
    await member.start();
  },

  async "slow disk"(cluster: Cluster, member: MemberProcess) {
    await member.stop("SIGTERM");
    // Without strace the member only starts again; the list of what was left out says so.
    await member.start("path" in strace ? slowed(strace.path) : []);
    await cluster.progress();
    await member.stop("SIGTERM");
    await member.start();
  },
} as const;

function slowed(path: string): string[] {
  const delay = `inject=fsync,fdatasync:delay_enter=${slowSyncUs}`;
  return [path, "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", delay];
}
