import { useState } from "preact/hooks";
import { t } from "../language.ts";
import { Card, Problem } from "../parts/loaded.tsx";
import { Scan } from "../parts/scan.tsx";
import { post, told } from "../request.ts";

/** Where an owner hands a unit's request in. */
export function AskPage() {
  const [error, setError] = useState<{ message: string; code: string }>();
  const [done, setDone] = useState(false);
  const [text, setText] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await post("requests", { text });
      setDone(true);
    } catch (problem) {
      setError(told(problem));
    }
  };
  return (
    <Card title={t("Ask to be admitted")}>
      {done ? (
        <p role="status" data-tone="good">
          {t(
            "Handed in. A member compares it with what your unit shows; then your unit connects by itself.",
          )}
        </p>
      ) : (
        <form class="narrow" onSubmit={(event) => void submit(event)}>
          <Scan onText={setText} />
          <label class="wide-field">
            <span>{t("What your unit’s QR code says (busbar-edge enrol prints it)")}</span>
            <textarea
              name="text"
              rows={5}
              required
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
              spellcheck={false}
              placeholder="BUSBAR-REQUEST:…"
            />
          </label>
          <button type="submit">{t("Hand it in")}</button>
        </form>
      )}
      {error === undefined ? null : <Problem error={error} />}
    </Card>
  );
}
