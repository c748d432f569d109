import { hostname } from "node:os";
import { asId, type Draft, parseId, present } from "./draft.ts";
import { type Interview, wrong } from "./interview.ts";

const parties = [
  { label: "user: uses energy, and may have a roof of its own", value: "user" },
  { label: "company: produces energy", value: "company" },
  { label: "bureau: the power bureau behind the exchange meter", value: "bureau" },
  { label: "operator: runs the site", value: "operator" },
] as const;

/** Site, unit and owner. */
export async function askUnit(interview: Interview, draft: Draft): Promise<Draft> {
  const { device, owner } = draft;
  const site = await interview.ask({
    text: "Site id",
    fallback: draft.site,
    help: "The name of the site and of its ledger; a member of the site tells it. Like: demo",
    parse: parseId,
  });
  const deviceId = await interview.ask({
    text: "This unit's id",
    fallback: device?.id ?? asId(hostname(), "unit-1"),
    help: "The unit's name on the ledger, different from that of every other unit of the site.",
    parse: parseId,
  });
  const ownerId = await interview.ask({
    text: "Owner's id",
    fallback: owner?.id,
    help: "Whose meters these are: the account that is paid and billed. Like: anna",
    parse: parseId,
  });
  const known = parties.findIndex(({ value }) => value === (owner?.party ?? "user"));
  const party = await interview.choose("The owner is a", parties, { fallback: known + 1 });
  const name = await interview.ask({
    text: "Owner's name, as people know it",
    fallback: owner?.name ?? ownerId,
    parse: (text) => {
      if (text.length > 80) throw wrong("expected at most 80 characters");
      return text;
    },
  });
  const key = await interview.ask({
    text: "File of the owner's secret key, or none",
    fallback: owner === undefined ? "owner.key" : (owner.key ?? "none"),
    help: "busbar-edge enrol makes it where there is none, and signs the owner's limits with it. none: the key is elsewhere; enrol is then told with --owner-key.",
    parse: (text) => (text === "none" ? undefined : text),
  });
  return {
    ...draft,
    site,
    device: { ...device, id: deviceId },
    owner: present({ ...owner, id: ownerId, party, name, key }),
  };
}
