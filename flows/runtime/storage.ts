import type { DeployHistory, StoredFlow } from "./history.ts";
import { requireFromNodeRed } from "./node-red.ts";

type Storage = Readonly<Record<string, unknown>> & {
  saveFlows(flows: StoredFlow, user?: { readonly username?: string }): Promise<unknown>;
};

/** Node-RED's storage in files, with each deploy kept in the history: who, when, what. */
export function storageWithHistory(history: DeployHistory): Storage {
  const files = requireFromNodeRed("@node-red/runtime/lib/storage/localfilesystem") as Storage;
  return {
    ...files,
    async saveFlows(flows, user) {
      const saved = await files.saveFlows(flows, user);
      history.record(flows, { user: user?.username ?? "runtime", time: Date.now() });
      return saved;
    },
  };
}
