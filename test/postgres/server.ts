import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { parsePostgresUrl } from "../../aggregator/portal/postgres/address.ts";
import type { PostgresSettings } from "../../aggregator/portal/postgres/session.ts";

/** PostgreSQL runs as no administrator; where the tests do, it gets Debian's user for such things. */
const nobody = 65_534;

const isRoot = process.getuid?.() === 0;
const as = isRoot ? { uid: nobody, gid: nobody } : {};

/** Where Debian has the newest server's programs. Throws where there is none, with what is missing. */
function programs(): string {
  const found = globSync("/usr/lib/postgresql/*/bin/initdb").sort(
    (a, b) => versionIn(a) - versionIn(b),
  );
  const newest = found.at(-1);
  if (newest !== undefined) return join(newest, "..");
  throw new Error("PostgreSQL's server is missing on this machine (apt-get install postgresql)");
}

const versionIn = (path: string) => Number(/postgresql\/(\d+)/.exec(path)?.[1] ?? 0);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A PostgreSQL server of the tests' own, in a temporary folder, by a socket there and on loopback. */
export class PostgresServer {
  readonly folder: string;
  readonly port: number;
  readonly #bin = programs();
  #process: ReturnType<typeof spawn> | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), "busbar-pg-"));
    const server = new PostgresServer(folder, await freePort());
    for (const name of ["data", "socket"]) mkdirSync(join(folder, name), { mode: 0o700 });
    if (isRoot) {
      for (const name of ["", "data", "socket"]) chownSync(join(folder, name), nobody, nobody);
    }
    // A language whose order is not that of the bytes: the tables have to see to theirs themselves.
    server.#run("initdb", [
      ...["-D", join(folder, "data"), "-U", "postgres", "-E", "UTF8", "--no-sync"],
      ...["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8"],
      ...["--auth-local=trust", "--auth-host=scram-sha-256"],
    ]);
    await server.up();
    await server.sql("CREATE ROLE busbar LOGIN PASSWORD 'the right one'", "postgres");
    await server.sql("CREATE DATABASE busbar OWNER busbar", "postgres");
    return server;
  }

  #run(program: string, args: readonly string[]): void {
    const { folder } = this;
    const ran = spawnSync(join(this.#bin, program), args, { ...as, cwd: folder, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${program} ended with ${ran.status}: ${ran.stderr}`);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it, and again until the one that was killed has let go of its memory. */
  async up(): Promise<void> {
    const { folder, port } = this;
    for (;;) {
      const child = spawn(
        join(this.#bin, "postgres"),
        [
          ...["-D", join(folder, "data"), "-k", join(folder, "socket"), "-p", String(port)],
          ...["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=40"],
        ],
        { ...as, cwd: folder, stdio: "ignore" },
      );
      this.#process = child;
      const ended = once(child, "exit");
      const answers = await Promise.race([this.#answers(() => child.exitCode === null), ended]);
      if (answers === true) return;
    }
  }

  async #answers(lives: () => boolean): Promise<boolean> {
    while (lives()) {
      try {
        await this.sql("SELECT 1", "postgres");
        return true;
      } catch {
        // It is on its way, or ends: the next look tells.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    return false;
  }

  /** As a power cut for it: all of its processes end at once, and its files stay as they are. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      // Fast shutdown.
      child.kill("SIGINT");
      await once(child, "exit");
    }
    if (existsSync(this.folder)) rmSync(this.folder, { recursive: true, force: true });
  }

  /** One statement as the server's administrator. */
  async sql(text: string, database = "busbar"): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({
      ...{ host: join(this.folder, "socket"), port: this.port, user: "postgres", database },
      ssl: false,
    });
    client.on("error", () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query(text);
      return rows;
    } finally {
      await client.end();
    }
  }

  /** The address of a database by the socket, as a configuration says it. */
  url(database = "busbar"): string {
    const folder = encodeURIComponent(join(this.folder, "socket"));
    return `postgresql:///${database}?host=${folder}&port=${this.port}&user=busbar`;
  }

  settings(schema: string, url = this.url()): PostgresSettings {
    const parsed = parsePostgresUrl(url);
    if (!parsed.ok) throw new Error(parsed.why);
    return { address: parsed.address, schema };
  }
}
