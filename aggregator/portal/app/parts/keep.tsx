import { useState } from "preact/hooks";
import { allRows, csvOf, download } from "../export.ts";
import { t } from "../language.ts";
import { told } from "../request.ts";
import { Problem } from "./loaded.tsx";

/** Keeps all rows of a list as a file. */
export function Keep({
  path,
  cursor,
  name,
}: {
  readonly path: string;
  /** The column that the next page goes on from. */
  readonly cursor: string;
  readonly name: string;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ message: string; code: string }>();
  const keep = async (as: "csv" | "json") => {
    setBusy(true);
    setError(undefined);
    try {
      const rows = await allRows(path, cursor);
      if (as === "csv") download(`${name}.csv`, csvOf(rows), "text/csv");
      else download(`${name}.json`, JSON.stringify(rows), "application/json");
    } catch (problem) {
      setError(told(problem));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {t("Keep all as")}{" "}
      {(["csv", "json"] as const).map((as) => (
        <button key={as} type="button" class="link" disabled={busy} onClick={() => void keep(as)}>
          {as.toUpperCase()}
        </button>
      ))}
      {error === undefined ? null : <Problem error={error} />}
    </>
  );
}
