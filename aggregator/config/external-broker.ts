import { z } from "zod";
import { urlProblem } from "../broker/external/address.ts";

const path = z.string().min(1);

/** `broker.external` of aggregator.yaml: a broker of its own process, beside the embedded one. */
export const externalBroker = z
  .strictObject({
    urls: z
      .array(z.string())
      .min(1)
      .max(16)
      .describe("Its nodes: mqtts://host:8883, or mqtt://127.0.0.1:1883"),
    allowPlainText: z
      .boolean()
      .default(false)
      .describe("Permit mqtt to another machine; for a wire you trust"),
    tls: z
      .strictObject({
        ca: path.optional().describe("PEM file of the authority that signed its certificate"),
        certificate: path.optional().describe("PEM file of this member's own certificate"),
        key: path.optional().describe("PEM file of that certificate's key"),
        serverName: path.optional().describe("The name that its certificate is checked against"),
      })
      .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
        message: "expected certificate and key together",
        path: ["certificate"],
      })
      .optional()
      .describe("For mqtts"),
    user: path.optional().describe("Who signs in there (usually the member's id)"),
    passwordFile: path.optional().describe("File with its password, as broker-files writes it"),
    workers: z
      .int()
      .min(0)
      .max(32)
      .default(1)
      .describe(
        "Processes that run takes frames with; more, also elsewhere: busbar-aggregator worker",
      ),
    ingestion: z
      .enum(["topics", "wildcard"], "expected topics or wildcard, as doctor --broker says")
      .default("topics")
      .describe("Whether a worker hears its own devices' topics, or all and drops the others'"),
    session: z
      .enum(["persistent", "clean"], "expected persistent or clean, as doctor --broker says")
      .default("persistent")
      .describe("Whether the broker keeps frames for a worker that is away"),
    leaseSeconds: z
      .int()
      .min(1)
      .max(300)
      .default(6)
      .describe("A worker that is silent for so long is taken for dead by the others"),
  })
  .superRefine(({ urls, allowPlainText }, context) => {
    for (const [index, url] of urls.entries()) {
      const message = urlProblem(url, allowPlainText);
      if (message !== undefined)
        context.addIssue({ code: "custom", path: ["urls", index], message });
    }
  })
  .optional()
  .describe("A broker that is none of ours, which units sign in to: Mosquitto, NATS, RabbitMQ");

export type ExternalBroker = NonNullable<z.output<typeof externalBroker>>;

/** Its files as `at` finds them: relative to the configuration. */
export function externalFiles(
  external: ExternalBroker,
  at: (name: string) => string,
): ExternalBroker {
  const { tls, passwordFile } = external;
  const found = Object.entries(tls ?? {}).map(([name, value]) => [
    name,
    name === "serverName" || value === undefined ? value : at(value),
  ]);
  return {
    ...external,
    ...(tls === undefined ? {} : { tls: Object.fromEntries(found) }),
    ...(passwordFile === undefined ? {} : { passwordFile: at(passwordFile) }),
  };
}
