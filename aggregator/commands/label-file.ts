import { Failure, idPattern, utcMs } from "@busbar/protocol";
import { parseClaimCode } from "@busbar/protocol/claim";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";

const id = z.string().regex(idPattern);

/** labels.json: the codes of a sheet, for whoever flashes cards. It is as secret as the sheet. */
const schema = z.strictObject({
  form: z.literal("busbar-labels-1"),
  site: id,
  member: id,
  until: z.iso.datetime().transform((text) => utcMs(Date.parse(text))),
  labels: z
    .array(
      z.strictObject({
        device: id,
        owner: id,
        party: z.enum(["company", "bureau", "user", "operator"]),
        code: z.string().transform((text, context) => {
          const parsed = parseClaimCode(text);
          if (parsed.ok) return parsed.code;
          context.addIssue({ code: "custom", message: parsed.message });
          return z.NEVER;
        }),
      }),
    )
    .min(1)
    .max(32),
});

export type LabelFile = z.output<typeof schema>;
export type FileLabel = LabelFile["labels"][number];

/** Reads a sheet's file. Throws: `ConfigError` with the fault's line; `Failure` `labels.other-site`. */
export function parseLabelFile(path: string, text: string, site: string): LabelFile {
  const file = parseConfig(path, text, schema);
  if (file.site === site) return file;
  const message = `${path}: labels of site ${file.site}, and this member's is ${site}`;
  throw new Failure("labels.other-site", message, { retry: "never" });
}

export const labelFileText = ({ form, site, member, until, labels }: LabelFile): string =>
  `${JSON.stringify({ form, site, member, until: new Date(until).toISOString(), labels }, null, 2)}\n`;
