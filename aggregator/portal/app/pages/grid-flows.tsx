import { layOutFlows } from "../../../market/routing/layout.ts";
import type { FlowsAnswer } from "../../views/shapes-community.ts";
import { kwh } from "../format.ts";
import { t } from "../language.ts";
import { Grid } from "../parts/grid.tsx";
import { Card, Loaded, useAnswer } from "../parts/loaded.tsx";

/** What an hour's trades send over each line of the grid; nothing where its parties traded as at one place. */
export function GridFlows({ slot, hour }: { readonly slot: number; readonly hour: string }) {
  const flows = useAnswer<FlowsAnswer>(`flows?slot=${slot}`);
  return (
    <Loaded {...flows}>
      {({ lines }) =>
        lines.length === 0 ? null : (
          <Card title={t("Over the lines, {hour}", { hour })} note="kWh">
            <Picture lines={lines} />
            <details>
              <summary>{t("The same as a table")}</summary>
              <Grid
                caption={t("Over the lines, {hour}", { hour })}
                heads={[t("Line"), t("Way"), "#kWh", `#${t("Capacity")}`, `#${t("Loss")}`]}
                rows={lines.map((line) => ({
                  key: line.id,
                  cells: [
                    line.id,
                    wayOf(line),
                    kwh(Math.abs(line.flowWh)),
                    kwh(line.capacityWh),
                    kwh(line.lossWh),
                  ],
                }))}
              />
            </details>
          </Card>
        )
      }
    </Loaded>
  );
}

type Line = FlowsAnswer["lines"][number];

function wayOf({ from, to, flowWh }: Line): string {
  return flowWh < 0 ? `${to} → ${from}` : `${from} → ${to}`;
}

function Picture({ lines }: { readonly lines: readonly Line[] }) {
  const drawn = layOutFlows(
    lines.map(({ capacityWh, lossWh, ...line }) => ({
      ...line,
      lossWh: lossWh as never,
      ...(capacityWh === null ? {} : { capacity: capacityWh as never }),
    })),
    "busbar",
  );
  const { width, height } = drawn;
  const told = lines.map((line) => `${wayOf(line)}: ${kwh(Math.abs(line.flowWh))} kWh`).join(". ");
  return (
    <svg class="flows" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={told}>
      {drawn.lines.map(({ line, path, wide, middle, turn, kind }) => (
        <g key={line.id} class={kind}>
          <path class="line" d={path} stroke-width={wide.toFixed(1)} />
          {kind === "idle" ? null : (
            <path
              class="head"
              transform={`translate(${middle.x} ${middle.y}) rotate(${turn})`}
              d="M-8 -8L9 0L-8 8Z"
            />
          )}
          <text
            x={middle.x + (middle.x < width / 2 - 1 ? -12 : 12)}
            y={middle.y - 8}
            text-anchor={middle.x < width / 2 - 1 ? "end" : "start"}
          >
            {line.id}: {kwh(Math.abs(line.flowWh))}
            {line.capacity === undefined ? "" : ` / ${kwh(line.capacity)}`}
          </text>
        </g>
      ))}
      {drawn.buses.map(({ bus, x, y }) => (
        <g key={bus}>
          <circle class="bus" cx={x} cy={y} r={9} />
          <text class="name" x={x} y={y - 15} text-anchor="middle">
            {bus}
          </text>
        </g>
      ))}
    </svg>
  );
}
