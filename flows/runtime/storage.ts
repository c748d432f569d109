import type { DeployHistory, StoredFlow } from "./history.ts";
import { log } from "./log.ts";
import { requireFromNodeRed } from "./node-red.ts";

type Storage = Readonly<Record<string, unknown>> & {
  saveFlows(flows: StoredFlow, user?: { readonly username?: string }): Promise<unknown>;
};

/** Keeps a deploy that happened: a disk that does not take it is told, and undoes nothing. */
export function keepDeploy(
  history: Pick<DeployHistory, "record">,
  flow: StoredFlow,
  user: string,
): void {
  try {
    history.record(flow, { user, time: Date.now() });
  } catch (error) {
    log("warn", "deploy-not-kept", { user, msg: (error as Error).message });
  }
}

/** Node-RED's storage in files, with each deploy kept in the history: who, when, what. */
export function storageWithHistory(history: DeployHistory): Storage {
  const files = requireFromNodeRed("@node-red/runtime/lib/storage/localfilesystem") as Storage;
  return {
    ...files,
    async saveFlows(flows, user) {
      const saved = await files.saveFlows(flows, user);
      keepDeploy(history, flows, user?.username ?? "runtime");
      return saved;
    },
  };
}
