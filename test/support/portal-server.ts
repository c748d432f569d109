import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { startPortal } from "../../aggregator/portal/server.ts";
import { MemoryPool } from "./memory-pool.ts";
import { keyFileOf, PortalSite } from "./portal-site.ts";

/** A portal on a port of loopback over a fresh site, which makes sign-in links, with a page of nothing. */
export async function linkingPortal() {
  const folder = mkdtempSync(join(tmpdir(), "busbar-portal-"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
  const site = new PortalSite();
  const portal = await startPortal({
    host: "127.0.0.1",
    port: 0,
    source: site.source,
    access: site.access(new MemoryPool(), { links: true }),
    log: pino({ level: "silent" }),
    page: folder,
  });
  return {
    url: portal.url,
    /** Writes an owner's key file, and says where. */
    keyFile(owner: string): string {
      const file = join(folder, `${owner}.key`);
      writeFileSync(file, keyFileOf(owner), { mode: 0o600 });
      return file;
    },
    async stop() {
      await portal.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
