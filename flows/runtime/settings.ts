import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { type FlowsConfig, guardedNodes } from "./config.ts";
import type { DeployHistory } from "./history.ts";
import { auditOfNodeRed, logOfNodeRed } from "./log.ts";
import type { SignIn } from "./sign-in.ts";
import { storageWithHistory } from "./storage.ts";

const paletteName = "@busbar/node-red-busbar";
const packageDir = join(import.meta.dirname, "..");

/**
 * What a browser may load on the editor's pages: only from here. The editor builds its templates
 * with inline scripts and `Function`, and its code editor runs workers from blobs.
 */
const contentPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'self'",
  "form-action 'self'",
].join("; ");

/** What the settings are made of. */
export type SettingsParts = {
  readonly credentialSecret: string;
  readonly signIn: SignIn;
  readonly history: DeployHistory;
};

/** Node-RED's settings: signed-in people only, no installs, no outside calls, no shell, no files. */
export function redSettings(
  config: FlowsConfig,
  { credentialSecret, signIn, history }: SettingsParts,
): Record<string, unknown> {
  return {
    storageModule: storageWithHistory(history),
    // What functions remember outlives a restart.
    contextStorage: { default: { module: "localfilesystem" } },

    userDir: config.userDir,
    flowFile: "flows.json",
    flowFilePretty: true,
    credentialSecret,
    nodesDir: [packageDir],
    nodesExcludes: excluded(config),
    ...safety(config),
    httpAdminRoot: "/",
    httpNodeRoot: "/",
    uiHost: config.host,
    uiPort: config.port,
    adminAuth: signIn.adminAuth,
    httpAdminMiddleware: [editorHeaders, signIn.middleware],
    logging: {
      stderr: { level: config.logLevel, handler: () => logOfNodeRed },
      audit: { level: "off", audit: true, handler: () => auditOfNodeRed(history) },
    },
    editorTheme: editorTheme(config, signIn),
  };
}

function safety(config: FlowsConfig): Record<string, unknown> {
  return {
    externalModules: {
      autoInstall: false,
      palette: {
        allowInstall: false,
        allowUpload: false,
        allowUpdate: false,
        allowList: [paletteName, ...config.palette],
      },
      modules: { allowInstall: false },
    },
    functionExternalModules: false,
    functionGlobalContext: {},
    exportGlobalContextKeys: false,
    tlsConfigDisableLocalFiles: true,
    telemetry: { enabled: false, updateNotification: false },
    // As a setting it is read-only: nobody can switch telemetry on in the editor by mistake.
    telemetryEnabled: false,
    runtimeState: { enabled: false, ui: false },
  };
}

function editorTheme(config: FlowsConfig, { signOutAt }: SignIn): Record<string, unknown> {
  const site = config.environment.BUSBAR_SITE ?? process.env.BUSBAR_SITE;
  const title = site === undefined ? "Busbar" : `Busbar · ${site}`;
  return {
    page: { title },
    header: { title },
    ...(signOutAt === undefined ? {} : { logout: { redirect: signOutAt } }),
    tours: false,
    palette: {
      catalogues: [],
      categories: ["busbar", "subflows", "common", "function", "network", "sequence", "parser"],
    },
    projects: { enabled: false },
  };
}

function excluded({ allow }: FlowsConfig): string[] {
  return Object.entries(guardedNodes)
    .filter(([name]) => !allow.some((allowed) => allowed === name))
    .map(([, file]) => file);
}

function editorHeaders(_request: IncomingMessage, response: ServerResponse, next: () => void) {
  response.setHeader("Content-Security-Policy", contentPolicy);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "no-referrer");
  next();
}
