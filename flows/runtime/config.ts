import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";
import { grantPattern } from "./portal-door.ts";

/** Core nodes that reach past the flow into the machine, off unless the configuration names them. */
export const guardedNodes = {
  exec: "90-exec.js",
  file: "10-file.js",
  watch: "23-watch.js",
  tcp: "31-tcpin.js",
  udp: "32-udp.js",
} as const;

const guarded = z.enum(Object.keys(guardedNodes) as [keyof typeof guardedNodes]);

const address = z
  .string()
  .regex(/^https?:\/\/[^/\s]+\/?$/, "expected http://host:8080 or https://host");
const grants = z
  .array(
    z
      .string()
      .regex(
        grantPattern,
        "expected viewer, owner, operator, auditor or member, or one of a role such as owner:house-1",
      ),
  )
  .max(100);

const signIn = z
  .strictObject({
    portal: address.describe("Where this process reaches the portal"),
    page: address.optional().describe("Where people open the portal, if elsewhere"),
    edit: grants.default(["operator", "member"]).describe("Who may change flows, by role"),
    read: grants.default(["viewer", "auditor"]).describe("Who may look at flows"),
    act: grants.default([]).describe("Who else may act on the pages that flows make"),
  })
  .describe("Sign-in at the portal of an aggregator, in place of a password");

/** Schema of `flows.yaml`. */
export const flowsConfig = z
  .strictObject({
    host: z.string().min(1).default("127.0.0.1").describe("Address to listen on"),
    port: z.int().min(0).max(65_535).default(1880).describe("Port; 0 takes a free one"),
    userDir: z
      .string()
      .min(1)
      .default(".busbar/flows")
      .describe("Folder of the flows, relative to this file"),
    signIn: signIn.optional(),
    adminUser: z.string().min(1).max(64).default("admin").describe("Name to sign in with"),
    flow: z
      .string()
      .min(1)
      .optional()
      .describe("Flow file to start with where userDir has none yet, relative to this file"),
    environment: z
      .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string())
      .default({})
      .describe("Environment variables for the flows, by name"),
    allow: z.array(guarded).default([]).describe("Core nodes to allow that are off by default"),
    palette: z
      .array(z.string().min(1))
      .default([])
      .describe("Further palettes installed in userDir that may load"),
    httpNode: z
      .enum(["password", "open"])
      .default("password")
      .describe("whether pages that flows make ask who is there, as the editor does"),
    record: z
      .string()
      .min(1)
      .optional()
      .describe("File that what the flow's meters say is appended to, for busbar-flows replay"),
    logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace"]).default("info"),
  })
  .describe("An embedded Node-RED with Busbar's palette");

export type FlowsConfig = z.output<typeof flowsConfig>;

/**
 * Reads `flows.yaml` (or takes the defaults where no file is named) and lays the command line's
 * options over it. Throws: `Failure` `config.unreadable`, `ConfigError`.
 */
export function loadFlowsConfig(
  file: string | undefined,
  options: Partial<FlowsConfig>,
): FlowsConfig {
  const config = file === undefined ? flowsConfig.parse({}) : readConfig(file);
  const laid = { ...config, ...options };
  return { ...laid, environment: { ...config.environment, ...options.environment } };
}

function readConfig(file: string): FlowsConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new Failure("config.unreadable", `${file}: cannot read the configuration`, {
      retry: "never",
      cause,
    });
  }
  const config = parseConfig(file, text, flowsConfig);
  const near = (path: string) => resolve(dirname(file), path);
  const { flow, record } = config;
  return {
    ...config,
    userDir: near(config.userDir),
    ...(flow === undefined ? {} : { flow: near(flow) }),
    ...(record === undefined ? {} : { record: near(record) }),
  };
}
