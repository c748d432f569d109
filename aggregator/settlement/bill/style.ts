/** A bill's look: light, dark by the reader's choice, and black on white on A4. */
export const style = `
:root { color-scheme: light dark; --paper: #f6f5f1; --card: #fff; --ink: #16232e; --quiet: #5a6875; --line: #dcd7cc;
  --in: #2a68a8; --out: #11795b; --pay: #9c4a1a; --soft: #efece4;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; font-variant-numeric: tabular-nums; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #11171d; --card: #19222b; --ink: #e9eef2; --quiet: #a3b1bd; --line: #2d3a46;
  --in: #6db1f2; --out: #52c9a2; --pay: #f0a070; --soft: #212c36; } }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); }
main { max-width: 920px; margin: 0 auto; padding: 36px 24px 64px; }
header { display: flex; flex-wrap: wrap; gap: 24px; justify-content: space-between; align-items: flex-end; border-bottom: 3px solid var(--ink); padding-bottom: 18px; }
h1 { font-size: 30px; line-height: 1.15; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 34px 0 8px; }
.who { margin: 0; color: var(--quiet); } .who b { color: var(--ink); }
.due { text-align: right; } .due span { display: block; color: var(--quiet); } .due strong { font-size: 34px; line-height: 1.1; color: var(--pay); white-space: nowrap; } .due.get strong { color: var(--out); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 0; }
.cards div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; } .cards span { display: block; color: var(--quiet); font-size: 13px; } .cards b { font-size: 18px; }
table { border-collapse: collapse; width: 100%; background: var(--card); } th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--quiet); font-weight: 600; font-size: 13px; } th:first-child, td:first-child { text-align: left; } td.t, th.t { text-align: left; }
tr.sum td { font-weight: 700; border-top: 2px solid var(--ink); border-bottom: 0; } .small td { font-size: 13px; padding: 3px 8px; } td.id { font: 11.5px ui-monospace, Menlo, Consolas, monospace; color: var(--quiet); text-align: left; overflow-wrap: anywhere; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; break-inside: avoid; } figcaption { font-weight: 600; margin-bottom: 4px; } svg { display: block; width: 100%; height: auto; }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin-top: 20px; } @media (max-width: 700px) { .charts { grid-template-columns: 1fr; } }
.in { fill: var(--in); } .out { fill: var(--out); } .pay { fill: var(--pay); } .tick { fill: var(--quiet); font-size: 10px; } .axis { stroke: var(--line); }
.key { font-size: 13px; color: var(--quiet); } .key i { display: inline-block; width: 10px; height: 10px; margin: 0 5px 0 12px; } .key i.in { background: var(--in); } .key i.out { background: var(--out); }
details { border-bottom: 1px solid var(--line); background: var(--card); } summary { cursor: pointer; padding: 6px 10px; display: flex; justify-content: space-between; gap: 12px; } summary:focus-visible { outline: 3px solid var(--in); }
.proof { background: var(--soft); border-radius: 10px; padding: 14px 18px; margin-top: 34px; break-inside: avoid; } .proof h2 { margin-top: 0; } code { font: 13px ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.mark { color: var(--pay); }
@page { size: A4; margin: 14mm; }
@media print { :root { --paper: #fff; --card: #fff; color-scheme: light; font-size: 12px; } main { max-width: none; padding: 0; } details { display: none; } .charts { grid-template-columns: 1fr 1fr; } h2 { break-after: avoid; } tr { break-inside: avoid; } .screen { display: none; } }
`;
