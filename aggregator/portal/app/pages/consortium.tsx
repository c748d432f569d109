import type { PortalStatus } from "../../api.ts";
import type { ConsortiumAnswer } from "../../views/shapes.ts";
import { count, dayAndClock } from "../format.ts";
import { fromHex, type PageKey } from "../key.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Grid } from "../parts/grid.tsx";
import { KeyNeeded } from "../parts/key-needed.tsx";
import { Card, Empty, Loaded, Problem, useAnswer } from "../parts/loaded.tsx";
import { me } from "../session.ts";
import { useSigning } from "../signing.ts";
import { useWatched } from "../store.ts";

/** Who decides, how agreement stands, and what waits for votes. */
export function ConsortiumPage() {
  const { status } = useWatched(model);
  const who = useWatched(me);
  const consortium = useAnswer<ConsortiumAnswer>("consortium", status?.height);
  if (status === undefined) return null;
  return (
    <>
      <Agreement status={status} />
      <Loaded {...consortium}>
        {(found) => (
          <>
            <Members found={found} />
            <Card title={t("Motions")} note={t("{count} votes decide", { count: found.quorum })}>
              {found.motions.length === 0 ? (
                <Empty title={t("Nothing waits for votes.")} />
              ) : (
                found.motions.map((motion) => (
                  <Motion
                    key={motion.id}
                    motion={motion}
                    mayVote={who?.role === "member"}
                    status={status}
                  />
                ))
              )}
            </Card>
            <Cases found={found} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Agreement({
  status: { consensus, height, blockHash },
}: {
  readonly status: PortalStatus;
}) {
  const {
    engine,
    voters,
    faultsTolerated,
    view,
    leader,
    waiting,
    peers,
    counts,
    liars,
    deviating,
  } = consensus;
  const facts = [
    [t("Engine"), engine],
    [t("Height"), count(height)],
    [t("Voters"), t("{voters}, {faults} may fail", { voters, faults: faultsTolerated })],
    [t("View and leader"), view === null ? "–" : `${view}, ${leader}`],
    [t("Waiting messages"), count(waiting)],
    [t("Two words"), liars.length === 0 ? t("nobody") : liars.join(", ")],
    [
      t("Other results"),
      deviating.length === 0 ? t("nobody") : deviating.map(({ member }) => member).join(", "),
    ],
  ] as const;
  return (
    <Card title={t("Agreement")} note={<span class="hash">{blockHash.slice(0, 16)}</span>}>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {peers.length === 0 ? null : (
        <ul class="lines" aria-label={t("Links to other members")}>
          {peers.map(({ id, address, reached, heard, problem }) => (
            <li key={id}>
              <b>{id}</b> <span class="quiet">{address ?? ""}</span>
              <p data-tone={reached || heard ? "good" : "bad"}>
                {reached || heard
                  ? t("connected")
                  : t("not connected: {problem}", { problem: problem ?? "–" })}
              </p>
            </li>
          ))}
        </ul>
      )}
      {Object.keys(counts).length === 0 ? null : (
        <details>
          <summary>{t("What was dropped, by code")}</summary>
          <ul>
            {Object.entries(counts).map(([code, times]) => (
              <li key={code}>
                {code}: {count(times)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Card>
  );
}

function Members({ found }: { readonly found: ConsortiumAnswer }) {
  return (
    <Card
      title={t("Members")}
      note={t("epoch {epoch}, since block {since}", {
        epoch: found.epoch,
        since: count(found.since),
      })}
    >
      <Grid
        caption={t("Members")}
        heads={[t("Member"), t("State"), t("Vote"), `#${t("Credit")}`, t("Until"), t("Key")]}
        rows={found.members.map(({ id, role, state, votes, credit, expires, key }) => ({
          key: id,
          cells: [
            <span key={id}>
              {id} <span class="quiet">{t(role)}</span>
            </span>,
            t(state),
            votes ? t("votes") : t("no vote"),
            count(credit),
            expires === null ? t("no end") : dayAndClock(expires),
            <span key={key} class="hash">
              {key}
            </span>,
          ],
        }))}
      />
      {found.pending.map(({ action, member, from }) => (
        <p key={`${action} ${member}`}>
          {t("Decided: {action} {member}, {when}", {
            action: t(action),
            member,
            when:
              from === null
                ? t("waits for its turn")
                : t("from block {height} on", { height: from }),
          })}
        </p>
      ))}
    </Card>
  );
}

function Motion({
  motion,
  mayVote,
  status,
}: {
  readonly motion: ConsortiumAnswer["motions"][number];
  readonly mayVote: boolean;
  readonly status: PortalStatus;
}) {
  const member = useWatched(me)?.id ?? "";
  const { hand, done, error } = useSigning(status.chain);
  const voted = [...motion.accept, ...motion.reject].includes(member);
  const vote = (accept: boolean, key: PageKey) =>
    hand("ballot", () => ({ motion: fromHex(motion.id), member, accept }), key);
  return (
    <article class="request">
      <h3>{motion.what}</h3>
      <p class="quiet">
        {t("by {by}, open until {until}; for: {accept}; against: {reject}; {needed} needed", {
          by: motion.by,
          until: motion.until.slice(0, 16).replace("T", " "),
          accept: motion.accept.join(", ") || "–",
          reject: motion.reject.join(", ") || "–",
          needed: motion.needed,
        })}
      </p>
      {done || voted ? <p role="status">{t("You have voted.")}</p> : null}
      {mayVote && !done && !voted ? (
        <KeyNeeded>
          {(key) => (
            <p class="actions">
              <button type="button" onClick={() => void vote(true, key)}>
                {t("Vote for it")}
              </button>
              <button type="button" class="plain" onClick={() => void vote(false, key)}>
                {t("Vote against it")}
              </button>
            </p>
          )}
        </KeyNeeded>
      ) : null}
      {error === undefined ? null : <Problem error={error} />}
    </article>
  );
}

function Cases({ found }: { readonly found: ConsortiumAnswer }) {
  if (found.cases.length === 0) return null;
  return (
    <Card title={t("Cases")}>
      <ul class="lines">
        {found.cases.map(({ id, what, by, uphold, reject, needed }) => (
          <li key={id}>
            <b>{what}</b>
            <p class="quiet">
              {t("by {by}; for: {accept}; against: {reject}; {needed} needed", {
                by,
                accept: uphold.join(", ") || "–",
                reject: reject.join(", ") || "–",
                needed,
              })}
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
