import type { DeviceChange, NoticeLease, NoticeReport, Party } from "@busbar/protocol";

/** Of meters, who owns and reads them, and how their owners are told. */
export type MeterEvent =
  | {
      readonly type: "readings-accepted";
      readonly meter: string;
      readonly device: string;
      readonly owner: string;
      readonly first: number;
      readonly last: number;
      readonly from: number;
      readonly to: number;
      /** Cumulative since the meter's first reading, resets and replacements bridged. */
      readonly importWh: number;
      readonly exportWh: number;
    }
  /**
   * What of a long gap flowed before any slot that is kept: the energy is known, its slots are not. `billedWh`: what
   * was drawn beyond the estimates of slots that are forgotten, and is billed for `money` in all.
   */
  | {
      readonly type: "energy-unallocated";
      readonly meter: string;
      readonly owner: string;
      readonly from: number;
      readonly to: number;
      readonly importWh: number;
      readonly exportWh: number;
      readonly billedWh?: number;
      readonly money?: number;
    }
  /** The meter's registers began anew, or jumped by more than can flow; what flowed between the two
   * readings is not known. */
  | {
      readonly type: "registers-restarted";
      readonly meter: string;
      readonly owner: string;
      readonly quality: "reset" | "replaced" | "implausible";
      readonly from: number;
      readonly to: number;
    }
  /** No reading has come that reaches the end of the last slot; `since`: its last reading's time. */
  | {
      readonly type: "meter-silent";
      readonly meter: string;
      readonly device: string;
      readonly owner: string;
      readonly since: number;
    }
  /** It reports again. */
  | {
      readonly type: "meter-heard";
      readonly meter: string;
      readonly owner: string;
      readonly since: number;
    }
  | { readonly type: "owner-admitted"; readonly owner: string; readonly party: Party }
  | {
      readonly type: "device-admitted";
      readonly device: string;
      readonly owner: string;
      readonly meters: readonly string[];
    }
  | {
      readonly type: "device-suspended" | "device-resumed";
      readonly device: string;
      readonly owner: string;
      /** A member, or the owner itself. */
      readonly by: string;
      readonly reason: DeviceChange["reason"];
    }
  /** A label may be used before `until`, or no more: `by` is the member who said so. */
  | {
      readonly type: "label-opened" | "label-revoked";
      readonly label: string;
      readonly device: string;
      readonly owner: string;
      readonly by: string;
      readonly until: number;
    }
  /** A unit was taken in by a label; `by`: the member who gave it. */
  | {
      readonly type: "device-claimed";
      readonly label: string;
      readonly device: string;
      readonly owner: string;
      readonly by: string;
    }
  /** A unit took the place of another, whose key counts no more; `since`: when that was suspended, where
   * it was. */
  | {
      readonly type: "device-replaced";
      readonly label: string;
      readonly device: string;
      readonly owner: string;
      readonly by: string;
      readonly since?: number;
    }
  | {
      readonly type: "notice-preferences-set";
      readonly owner: string;
      readonly version: number;
    }
  /** The member sends the site's notices by a channel, and says how far it has come. */
  | ({ readonly type: "notice-lease-taken" } & NoticeLease)
  | ({ readonly type: "notice-report-taken" } & NoticeReport);
