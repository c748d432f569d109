import { type ChildProcessByStdio, spawn } from "node:child_process";
import { constants } from "node:fs";
import { lstat, open, unlink } from "node:fs/promises";
import { Duplex, type Readable, type Writable } from "node:stream";
import { Failure } from "@busbar/protocol";
import type { OpenBus } from "./listen.ts";

type Socat = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Makes a pseudo-terminal with a symbolic link to it and gives its other end to `onLine`.
 * `onLost` is called when the terminal goes away by itself.
 * Throws: `Failure` `bus.socat-missing`, `bus.link-taken`, `bus.pty-failed`.
 */
export async function openPty(options: {
  readonly link: string;
  readonly onLine: (stream: Duplex) => void;
  readonly onLost: (failure: Failure) => void;
}): Promise<OpenBus> {
  const { link } = options;
  await removeStaleLink(link);
  const socat = spawn(
    "socat",
    ["-d", "-d", `PTY,raw,echo=0,mode=660,link=${quoted(link)}`, "STDIO"],
    {
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own: Ctrl-C is for this process, which then ends socat. Killed, it closes socat's
      // input, and socat ends by itself.
      detached: true,
    },
  );
  await started(socat, link);
  // A terminal without a client hangs up, which ends socat: this end is held open and never read.
  const keeper = await open(link, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  const ended = new Promise<void>((resolve) => socat.once("exit", () => resolve()));
  let closing = false;
  void ended.then(() => {
    if (!closing) options.onLost(ptyFailure(link, "socat ended"));
  });
  const line = Duplex.from({ readable: socat.stdout, writable: socat.stdin });
  // The line breaks when socat dies, which `onLost` tells with its reason.
  line.on("error", () => undefined);
  options.onLine(line);
  return {
    at: link,
    close: async () => {
      closing = true;
      await keeper.close();
      socat.kill("SIGTERM");
      await ended;
      await removeStaleLink(link);
    },
  };
}

/** Waits until socat says that it moves bytes: then the link is there. */
async function started(socat: Socat, link: string): Promise<void> {
  let said = "";
  await new Promise<void>((resolve, reject) => {
    socat.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? socatMissing(link, error) : ptyFailure(link, error.message));
    });
    socat.once("exit", () => reject(ptyFailure(link, lastError(said))));
    socat.stderr.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-2000);
      if (said.includes("starting data transfer loop")) resolve();
    });
  });
}

/** A path may hold characters that part socat's addresses and options. */
function quoted(path: string): string {
  return path.replace(/[\\,:!"'(){}[\]]/g, "\\$&");
}

/** The text of socat's last complaint (`… E text`). */
function lastError(said: string): string {
  return said.match(/^.* [EF] (.*)$/m)?.[1] ?? "socat ended";
}

/** A link of a run that was killed is replaced; anything else at its place is left alone. */
async function removeStaleLink(link: string): Promise<void> {
  try {
    if (!(await lstat(link)).isSymbolicLink()) {
      throw new Failure(
        "bus.link-taken",
        `${link} exists and is no link to a terminal: remove it or give this bus another link`,
        { retry: "never" },
      );
    }
    await unlink(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function socatMissing(link: string, cause: unknown): Failure {
  return new Failure(
    "bus.socat-missing",
    `${link}: a pseudo-terminal needs the program socat: install the package socat, or make this bus "kind": "rtu-over-tcp"`,
    { retry: "never", cause },
  );
}

function ptyFailure(link: string, why: string): Failure {
  return new Failure("bus.pty-failed", `${link}: no pseudo-terminal: ${why}`, { retry: "later" });
}
