import type { DeviceAnswer } from "../../views/shapes.ts";
import { explain, span } from "../explain.ts";
import { completenessText, count, dayAndClock, measuredShare, power } from "../format.ts";
import { t } from "../language.ts";
import { model } from "../live-site.ts";
import { Level } from "../parts/figures.tsx";
import { Grid } from "../parts/grid.tsx";
import { Card, Empty, Loaded, useAnswer } from "../parts/loaded.tsx";
import { useWatched } from "../store.ts";

/** Units and meters with their health, explained. */
export function DevicesPage() {
  const { status } = useWatched(model);
  const devices = useAnswer<readonly DeviceAnswer[]>(
    "devices",
    Math.floor((status?.height ?? 0) / 2),
  );
  return (
    <Loaded {...devices}>
      {(all) =>
        all.length === 0 ? (
          <Card title={t("Devices")}>
            <Empty title={t("No unit yet.")}>
              {t("A unit stands here once a member admitted it.")}
            </Empty>
          </Card>
        ) : (
          all.map((device) => <Device key={device.device} device={device} />)
        )
      }
    </Loaded>
  );
}

function Device({ device }: { readonly device: DeviceAnswer }) {
  const { connections, problems, meters } = device;
  const connected = connections.map(({ address, since, certificateEnds }) => {
    const text = t("connected here from {address} since {time}", {
      address,
      time: new Date(since).toISOString().slice(0, 16).replace("T", " "),
    });
    if (certificateEnds === null) return text;
    const days = Math.floor((certificateEnds - Date.now()) / 86_400_000);
    return `${text}, ${t("certificate for {days} days", { days })}`;
  });
  return (
    <Card title={device.device} note={<Level level={device.level} />}>
      <p class="quiet">
        {device.ownerName} ·{" "}
        {connected.length > 0 ? connected.join("; ") : t("not connected to this member")}
      </p>
      <Program program={device.program} sheet={device.sheet} />
      <Problems of={problems} />
      <Grid
        caption={t("Meters of {device}", { device: device.device })}
        heads={[
          t("Meter"),
          t("Health"),
          `#${t("Power")}`,
          t("Newest reading"),
          `#${t("Came after")}`,
          `#${t("Receipt")}`,
          `#${t("Measured, 7 days")}`,
        ]}
        rows={meters.map((meter) => ({
          key: meter.meter,
          cells: [
            meter.meter,
            <Level key={meter.meter} level={meter.level} />,
            power(meter.powerW),
            meter.time === null
              ? "–"
              : `#${count(meter.sequence ?? 0)}, ${dayAndClock(meter.time)}`,
            meter.lagMs === null ? "–" : span(Math.max(0, meter.lagMs)),
            meter.receiptHeight === null
              ? "–"
              : t("block {height}", { height: count(meter.receiptHeight) }),
            <span key={meter.meter} title={completenessText(meter.slots)}>
              {measuredShare(meter.slots)}
            </span>,
          ],
        }))}
      />
      <details>
        <summary>{t("The last two days, hour by hour")}</summary>
        {meters.map(({ meter, recent }) => (
          <Recent key={meter} meter={meter} recent={recent} />
        ))}
      </details>
      {meters.map(({ meter, problems: own }) => (
        <Problems key={meter} of={own} about={meter} />
      ))}
    </Card>
  );
}

const results = {
  kept: t("kept"),
  "rolled-back": t("undone"),
  refused: t("not taken in"),
} as const;

/** Which program a unit says it runs, what became of the last release there, and its sheet. */
function Program({ program, sheet }: Pick<DeviceAnswer, "program" | "sheet">) {
  const lines: string[] = [];
  if (program !== null) {
    const { version, release, result, reason, at } = program;
    lines.push(t("runs {version}, said {time}", { version, time: dayAndClock(at) }));
    if (release !== null && result !== null) {
      const about = { number: count(release), result: results[result] };
      lines.push(
        `${t("release {number}: {result}", about)}${reason === null ? "" : ` (${reason})`}`,
      );
    }
  }
  if (sheet !== null) {
    const { hash, open, height, countersigned } = sheet;
    const about = { hash: hash.slice(0, 16), height: count(height), open: count(open) };
    const text = t("commissioning sheet {hash}, block {height}, {open} points open", about);
    lines.push(countersigned ? `${text}, ${t("countersigned")}` : text);
  }
  return lines.length === 0 ? null : <p class="quiet">{lines.join(" · ")}</p>;
}

const letters = { m: t("measured"), e: t("estimated"), x: t("missing") } as const;

/** A meter's slots as a strip; who does not see it reads which are not measured. */
function Recent({ meter, recent }: Pick<DeviceAnswer["meters"][number], "meter" | "recent">) {
  const at = (i: number) => recent.from + i * recent.slotMinutes * 60_000;
  const states = [...recent.states];
  const others = states.flatMap((state, i) =>
    state === "m" ? [] : [`${dayAndClock(at(i))}: ${letters[state as "e" | "x"]}`],
  );
  const label = t("{meter}: {count} hours, {others}", {
    meter,
    count: states.length,
    others: others.length === 0 ? t("all measured") : others.join("; "),
  });
  return (
    <p>
      {meter}
      <span class="strip" role="img" aria-label={label}>
        {states.map((state, i) => (
          <span
            key={at(i)}
            data-state={state}
            title={`${dayAndClock(at(i))}: ${letters[state as "m" | "e" | "x"]}`}
          />
        ))}
      </span>
    </p>
  );
}

function Problems({
  of: problems,
  about,
}: {
  readonly of: DeviceAnswer["problems"];
  readonly about?: string;
}) {
  if (problems.length === 0) return null;
  return (
    <ul class="lines">
      {problems.map((problem) => {
        const { what, todo } = explain(problem);
        return (
          <li key={problem.code}>
            <b>{about === undefined ? what : `${about}: ${what}`}</b>{" "}
            <Level level={problem.level} />
            <p class="quiet">{todo}</p>
          </li>
        );
      })}
    </ul>
  );
}
