/** The report's look: light, dark by the reader's choice, and black on white on paper. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #faf8f4; --card: #ffffff; --ink: #1b2733; --quiet: #566573; --line: #ded8cd; --grid: #ece7df;
  --accent: #9c4a1a; --bad: #a3241c;
  --c1: #b4562a; --c2: #2a68a8; --c3: #11795b; --c4: #6b4fa0; --c5: #a07400; --c6: #a03a68;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #11171d; --card: #19222b; --ink: #e9eef2; --quiet: #a3b1bd; --line: #2d3a46; --grid: #26323d;
    --accent: #f0a070; --bad: #ff8f85;
    --c1: #f09464; --c2: #6db1f2; --c3: #52c9a2; --c4: #b79cf0; --c5: #f0b440; --c6: #f28ab8;
  }
}
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); }
main { max-width: 860px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 12px; text-wrap: balance; }
h2 { font-size: 21px; margin: 48px 0 10px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 20px 0 6px; }
p { margin: 0 0 12px; max-width: 72ch; }
li { margin: 0 0 8px; max-width: 72ch; }
code { font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.lead { font-size: 18px; color: var(--quiet); }
.quiet { color: var(--quiet); font-size: 14px; }
figure { margin: 18px 0 26px; padding: 16px 16px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: 8px; }
figcaption span { display: block; font-weight: 400; font-size: 14px; color: var(--quiet); }
figure > svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; padding: 0; font-size: 14px; }
.legend li { display: flex; align-items: center; gap: 7px; margin: 0; }
.legend svg { width: 28px; height: 10px; }
details { margin-top: 10px; font-size: 13px; }
summary { cursor: pointer; color: var(--quiet); }
summary:focus-visible { outline: 3px solid var(--c2); outline-offset: 2px; border-radius: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 8px 0 16px; font-size: 14px; break-inside: avoid; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: var(--quiet); }
.words td, .words th { text-align: left; }
.bad { color: var(--bad); }
.us td { font-weight: 600; color: var(--accent); }
.grid { stroke: var(--grid); stroke-width: 1; }
.tick { fill: var(--quiet); font-size: 11.5px; }
.axis { fill: var(--quiet); font-size: 12px; }
.limit { stroke: var(--bad); stroke-width: 1.4; stroke-dasharray: 2 4; }
polyline, .legend line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 6 4; }
circle { stroke-width: 1.4; }
${[1, 2, 3, 4, 5, 6].map((n) => `.c${n} { stroke: var(--c${n}); } circle.c${n}, rect.c${n} { fill: var(--c${n}); }`).join("\n")}
circle.hollow { fill: var(--card); }
rect { stroke: var(--card); stroke-width: 0.5; }
rect[class] { stroke: var(--card); }
@page { size: A4; margin: 16mm; }
@media print {
  :root { --paper: #fff; --card: #fff; color-scheme: light; font-size: 12.5px; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; margin-top: 26px; }
  details { display: none; }
  .scroll { overflow: visible; }
}
`;
