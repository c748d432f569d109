import { Failure, keyId, type Refusal } from "@busbar/protocol";
import { openAccounts, siteOwner } from "./accounts.ts";
import { contractTable } from "./contract/state.ts";
import { firstCouncil, putCouncil } from "./council.ts";
import { type Genesis, genesisHash } from "./genesis.ts";
import { identityById, identityByKeyId, putMember } from "./identities.ts";
import { parametersTable } from "./parameters.ts";
import { admitDevice, admitOwner, checkDevice, checkOwner } from "./rules/admission.ts";
import { noteExpiry } from "./rules/members/changes.ts";
import { slotKey } from "./settlements.ts";
import { siteTable } from "./site.ts";
import { type Changes, emptyState, Overlay } from "./state/overlay.ts";

/**
 * The state before the first block: parameters, members and who of them votes, owners with their
 * accounts, devices with their meters.
 * Throws: `Failure` `genesis.invalid` where two of them share an id, a key or a meter.
 */
export function genesisState(genesis: Genesis): Changes {
  const state = new Overlay(emptyState);
  const context = { state, emit: () => {} };
  const { chain, site, currency, parameters } = genesis;
  siteTable.set(state, "genesis", { chain, site, currency, hash: genesisHash(genesis) });
  parametersTable.set(state, "current", parameters);
  contractTable.set(state, slotKey(0), genesis.contract);
  openAccounts(state, siteOwner);
  for (const member of genesis.members) {
    const taken = identityById(state, member.id) ?? identityByKeyId(state, keyId(member.key));
    if (taken !== undefined) throw invalid(`${member.id} shares its id or key with ${taken.id}`);
    const entry = { ...member, state: "active", since: 1 } as const;
    putMember(state, entry);
    noteExpiry(state, entry);
  }
  putCouncil(state, firstCouncil(genesis.members));
  for (const owner of genesis.owners) {
    if (identityById(state, owner.id) !== undefined) throw invalid(`${owner.id} stands twice`);
    insist(checkOwner(state, owner));
    admitOwner(context, owner);
  }
  for (const device of genesis.devices) {
    if (identityById(state, device.id) !== undefined) throw invalid(`${device.id} stands twice`);
    insist(checkDevice(state, device));
    admitDevice(context, device);
  }
  return state.changes;
}

function insist(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw invalid(refusal.message);
}

function invalid(reason: string): Failure {
  return new Failure("genesis.invalid", `genesis.json: ${reason}`, { retry: "never" });
}
