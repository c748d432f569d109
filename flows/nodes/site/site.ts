import { topicsOf } from "@busbar/protocol";
import type { NodeConfig, Red, RedNode } from "../link/red.ts";
import type { Site } from "../link/site.ts";
import { type SiteConnection, SiteLink } from "../link/site-link.ts";
import { addCheckEndpoint } from "./check-endpoint.ts";
import { readSiteSettings, type SiteSettings } from "./settings.ts";

/** Takes a site's place where a recorded day is replayed. */
export type Replay = { connectionOf(settings: SiteSettings): SiteConnection };

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
    const link = connectionOf(red, settings, (text) => this.warn(text));
    const { site: id, identity, portal, signer, boxSecret } = settings;
    this.site = {
      id,
      identity,
      portal,
      link,
      url: settings.url,
      member: settings.broker,
      open: ({ identity: other, signer: by }, report) => {
        const client = `${other}:${settings.client.split(":")[1]}`;
        return connectionOf(red, { ...settings, identity: other, client, signer: by }, report);
      },
      replayed: red.settings.busbarReplay !== undefined,
      signer,
      boxSecret,
      topics: topicsOf(id),
    };
    this.on("close", (_removed, done) => {
      link.close().then(done, (error: unknown) => {
        this.warn(`the connection did not end cleanly: ${String(error)}`);
        done();
      });
    });
  }
  addCheckEndpoint(red);
  red.nodes.registerType("busbar-site", SiteNode, { credentials: { key: { type: "password" } } });
}

function connectionOf(
  red: Red,
  settings: SiteSettings,
  report: (text: string) => void,
): SiteConnection {
  const replay = red.settings.busbarReplay as Replay | undefined;
  if (replay !== undefined) return replay.connectionOf(settings);
  return new SiteLink({ ...settings, chain: settings.site, report });
}
