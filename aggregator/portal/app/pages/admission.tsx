import { parseRequestText, sealFrame, utcMs } from "@busbar/protocol";
import { sha256 } from "@noble/hashes/sha2.js";
import { useState } from "preact/hooks";
import type { RequestAnswer } from "../../views/shapes.ts";
import { dayAndClock } from "../format.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, Problem, useAnswer } from "../parts/loaded.tsx";
import { post, postFrame, remove, told } from "../request.ts";
import { me } from "../session.ts";
import { useWatched } from "../store.ts";

/** How long an admission counts: it is handed in at once. */
const countsMs = 7 * 86_400_000;

/** Units that ask to be admitted, checked against what the unit itself shows, and signed here. */
export function AdmissionPage() {
  const { status } = useWatched(model);
  const requests = useAnswer<readonly RequestAnswer[]>("requests", status?.height);
  return (
    <Card title={t("Units that ask to be admitted")}>
      <KeyNeeded>
        {(key) => (
          <Loaded {...requests}>
            {(all) =>
              all.length === 0 ? (
                <Empty title={t("Nobody waits.")}>
                  {t(
                    "A unit’s owner hands its request in under “Ask to be admitted”, or brings it as a QR code.",
                  )}
                </Empty>
              ) : (
                all.map((request) => (
                  <Request
                    key={request.request}
                    request={request}
                    signer={key}
                    reload={requests.reload}
                  />
                ))
              )
            }
          </Loaded>
        )}
      </KeyNeeded>
    </Card>
  );
}

function Request({
  request,
  signer,
  reload,
}: {
  readonly request: RequestAnswer;
  readonly signer: PageKey;
  readonly reload: () => void;
}) {
  const { status } = useWatched(model);
  const member = useWatched(me)?.id ?? "";
  const [scanned, setScanned] = useState("");
  const [error, setError] = useState<{ message: string; code: string }>();
  const [done, setDone] = useState(false);
  const { owner, device } = request;
  const checked = compare(scanned, request.text);
  const admit = async () => {
    if (status === undefined) return;
    setError(undefined);
    try {
      const parsed = parseRequestText(request.text, sha256);
      if (!parsed.ok) throw new Error(parsed.message);
      const admission = {
        nonce: crypto.getRandomValues(new Uint8Array(16)),
        member,
        owners: [parsed.request.owner],
        devices: [parsed.request.device],
        until: utcMs(status.time + countsMs),
      };
      const signing = { chain: status.chain, signer: signer.signer };
      await postFrame("messages", sealFrame("admission", admission, signing));
      setDone(true);
    } catch (problem) {
      setError(told(problem));
    }
  };
  const drop = async () => {
    try {
      await remove(`requests/${request.request}`);
      reload();
    } catch (problem) {
      setError(told(problem));
    }
  };
  return (
    <article class="request">
      <h3>
        {device.id}{" "}
        <span class="quiet">{t("for {owner}", { owner: `${owner.name} (${owner.id})` })}</span>
      </h3>
      <dl class="facts">
        <div>
          <dt>{t("Party")}</dt>
          <dd>{t(owner.party)}</dd>
        </div>
        <div>
          <dt>{t("Meters")}</dt>
          <dd>
            {device.meters
              .map(({ id, role, feeder }) => `${id} (${t(role)}, ${feeder})`)
              .join(", ")}
          </dd>
        </div>
        <div>
          <dt>{t("Key of the unit")}</dt>
          <dd class="hash">{device.key}</dd>
        </div>
        <div>
          <dt>{t("Came in")}</dt>
          <dd>{dayAndClock(request.received)}</dd>
        </div>
      </dl>
      {request.replaces.length === 0 ? null : (
        <p data-tone="bad">
          {t("The ledger knows {ids} already: this would replace their keys.", {
            ids: request.replaces.join(", "),
          })}
        </p>
      )}
      {request.refusal === null ? null : <Problem error={request.refusal} />}
      <label class="wide-field">
        <span>{t("Scan or paste the unit’s QR code, to be sure that this is its request")}</span>
        <textarea
          rows={2}
          value={scanned}
          onInput={(event) => setScanned(event.currentTarget.value)}
        />
      </label>
      <p
        role="status"
        data-tone={checked === "same" ? "good" : checked === "other" ? "bad" : undefined}
      >
        {checked === "same" ? t("✓ It is the same request, to the last letter.") : null}
        {checked === "other" ? t("✗ This is another request. Do not admit it.") : null}
      </p>
      {done ? (
        <p role="status" data-tone="good">
          {t("Signed and handed in; it leaves this list with the next block.")}
        </p>
      ) : (
        <p class="actions">
          <button type="button" disabled={checked !== "same"} onClick={() => void admit()}>
            {t("Sign the admission")}
          </button>
          <button type="button" class="plain" onClick={() => void drop()}>
            {t("Take it off the list")}
          </button>
        </p>
      )}
      {error === undefined ? null : <Problem error={error} />}
    </article>
  );
}

function compare(scanned: string, request: string): "nothing" | "same" | "other" {
  const word = scanned.replace(/\s/g, "").toUpperCase();
  if (word === "") return "nothing";
  return word === request ? "same" : "other";
}

/** Where an owner hands a unit's request in. */
export function AskPage() {
  const [error, setError] = useState<{ message: string; code: string }>();
  const [done, setDone] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    const given = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await post("requests", { text: String(given.get("text") ?? "") });
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
          <label class="wide-field">
            <span>{t("What your unit’s QR code says (busbar-edge enrol prints it)")}</span>
            <textarea
              name="text"
              rows={5}
              required
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
