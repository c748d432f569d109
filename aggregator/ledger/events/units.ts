/** Of units: their commissioning, their programs, and the releases that they may install. */
export type UnitEvent =
  /** A sheet was made when a unit was put into service. */
  | {
      readonly type: "unit-commissioned";
      readonly device: string;
      readonly owner: string;
      /** SHA-256 over the sheet, hex. */
      readonly sheet: string;
      /** Points that it leaves open. */
      readonly open: number;
      /** Whether an installer countersigned it. */
      readonly signed: boolean;
    }
  /** A unit said which program it runs, and perhaps what became of a release. */
  | {
      readonly type: "unit-reported";
      readonly device: string;
      readonly owner: string;
      readonly program: string;
      readonly release: number | null;
      readonly result: "kept" | "rolled-back" | "refused" | null;
      readonly reason: string | null;
    }
  /** Units may install a program, stage by stage. */
  | { readonly type: "release-decided"; readonly number: number; readonly version: string }
  /** No further unit may. */
  | {
      readonly type: "release-stopped";
      readonly number: number;
      readonly reason: "failures" | "withdrawn";
    };
