import { parseRequestText, utcMs } from "@busbar/protocol";
import { sha256 } from "@noble/hashes/sha2.js";
import { useState } from "preact/hooks";
import type { RequestAnswer } from "../../views/shapes.ts";
import { dayAndClock } from "../format.ts";
import type { PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, Problem, useAnswer } from "../parts/loaded.tsx";
import { Scan } from "../parts/scan.tsx";
import { remove, told } from "../request.ts";
import { me } from "../session.ts";
import { useSigning } from "../signing.ts";
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
                <>
                  <Senders all={all} reload={requests.reload} />
                  {all.map((request) => (
                    <Request
                      key={request.request}
                      request={request}
                      signer={key}
                      reload={requests.reload}
                    />
                  ))}
                </>
              )
            }
          </Loaded>
        )}
      </KeyNeeded>
    </Card>
  );
}

/** Addresses that handed in more than one: all of them can be taken off at once. */
function Senders({
  all,
  reload,
}: {
  readonly all: readonly RequestAnswer[];
  readonly reload: () => void;
}) {
  const [error, setError] = useState<{ message: string; code: string }>();
  const counts = new Map<string, number>();
  for (const { from } of all) counts.set(from, (counts.get(from) ?? 0) + 1);
  const drop = (from: string) => {
    setError(undefined);
    remove(`requests?from=${encodeURIComponent(from)}`).then(reload, (problem: unknown) =>
      setError(told(problem)),
    );
  };
  const many = [...counts].filter(([from, count]) => from !== "" && count > 1);
  if (many.length === 0) return null;
  return (
    <>
      <ul class="lines" aria-label={t("Addresses that handed in several")}>
        {many.map(([from, count]) => (
          <li key={from}>
            {t("{count} requests from {from}", { count, from })}{" "}
            <button type="button" class="small" onClick={() => drop(from)}>
              {t("Take all of these off the list")}
            </button>
          </li>
        ))}
      </ul>
      {error === undefined ? null : <Problem error={error} />}
    </>
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
  const { hand, done, error: refused } = useSigning(status?.chain ?? "");
  const [error, setError] = useState<{ message: string; code: string }>();
  const { owner, device } = request;
  const checked = compare(scanned, request.text);
  const admit = () =>
    hand(
      "admission",
      () => {
        const parsed = parseRequestText(request.text, sha256);
        if (!parsed.ok) throw new Error(parsed.message);
        return {
          nonce: crypto.getRandomValues(new Uint8Array(16)),
          member,
          owners: [parsed.request.owner],
          devices: [parsed.request.device],
          until: utcMs((status?.time ?? 0) + countsMs),
        };
      },
      signer,
    );
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
          <dd>
            {dayAndClock(request.received)}
            {request.from === "" ? "" : `, ${request.from}`}
          </dd>
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
      <Scan onText={setScanned} />
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
      {[refused, error].map((one) => one && <Problem key={one.code} error={one} />)}
    </article>
  );
}

function compare(scanned: string, request: string): "nothing" | "same" | "other" {
  const word = scanned.replace(/\s/g, "").toUpperCase();
  if (word === "") return "nothing";
  return word === request ? "same" : "other";
}
