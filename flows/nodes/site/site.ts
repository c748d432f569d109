import { topicsOf } from "@busbar/protocol";
import type { NodeConfig, Red, RedNode } from "../link/red.ts";
import type { Site } from "../link/site.ts";
import { SiteLink } from "../link/site-link.ts";
import { readSiteSettings } from "./settings.ts";

/** `busbar-site`: where a site is and as whom to connect; its nodes share one MQTT connection. */
export default function register(red: Red): void {
  function SiteNode(this: RedNode & { site?: Site }, config: NodeConfig): void {
    red.nodes.createNode(this, config);
    const read = readSiteSettings({ ...config, key: this.credentials?.key });
    if (!read.ok) {
      this.error(`${read.message} (${read.code})`);
      return;
    }
    const { settings } = read;
    const link = new SiteLink({
      ...settings,
      chain: settings.site,
      report: (text) => this.warn(text),
    });
    const { site: id, identity, portal } = settings;
    this.site = { id, identity, portal, link, topics: topicsOf(id) };
    this.on("close", (_removed, done) => {
      link.close().then(done, (error: unknown) => {
        this.warn(`the connection did not end cleanly: ${String(error)}`);
        done();
      });
    });
  }
  red.nodes.registerType("busbar-site", SiteNode, { credentials: { key: { type: "password" } } });
}
