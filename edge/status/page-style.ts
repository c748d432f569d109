export const pageStyle = `
:root{--paper:#f4f5f2;--card:#fff;--ink:#1b2420;--soft:#55605a;--line:#d8ddd8;--ok:#1b6e3c;--warning:#8a5300;--fault:#b3261e;--power:#0b5d6b;--area:#cfe6e8}
@media(prefers-color-scheme:dark){:root{--paper:#10161a;--card:#1a2227;--ink:#e8eeea;--soft:#a3b0a9;--line:#33403f;--ok:#7bd69a;--warning:#f2b95f;--fault:#ff9c92;--power:#7fd3de;--area:#17434a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--paper);color:var(--ink);font:1rem/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
header{display:flex;align-items:baseline;justify-content:space-between;gap:1rem}
h1{margin:0;font-size:1.5rem}h2{margin:0;font-size:1.1rem}p{margin:.3rem 0}
small{display:block;color:var(--soft);font-size:.8rem;font-weight:400}
#live{color:var(--ok);font-size:.85rem}#live::before{content:"●";margin-right:.3em}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.way{list-style:none;display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:1rem 0;padding:0}
.way li,article,.card,.problems li,.well,.away{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.7rem .9rem}
.way li{display:grid;grid-template-columns:auto 1fr;column-gap:.6rem;align-content:start;border-top:4px solid var(--state)}
.way .sign{grid-row:span 3;color:var(--state);font-size:1.3rem;font-weight:700;line-height:1.2}
.way li>span:not(.sign),.way small{grid-column:2}
.ok{--state:var(--ok)}.warning{--state:var(--warning)}.fault{--state:var(--fault)}
.well{color:var(--ok)}.away{color:var(--fault);font-weight:600}
.problems{list-style:none;margin:.5rem 0 1rem;padding:0;display:grid;gap:.5rem}
.problems li{border-left:4px solid var(--state)}.problems b{color:var(--state)}.todo b{color:inherit}.todo{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.8rem;margin:1rem 0;align-items:start}
article{border-left:4px solid var(--state)}
.about,.age{color:var(--soft);font-size:.85rem}.unit{margin-top:1rem}
.power{font-size:2rem;font-weight:650;color:var(--power);font-variant-numeric:tabular-nums;margin:.2rem 0}
article:not(.ok) .power{color:var(--soft);font-weight:400}
.spark{display:block;width:100%;height:3.2rem}.spark .area{fill:var(--area)}
.spark .line{fill:none;stroke:var(--power);stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.spark .zero{stroke:var(--soft);stroke-width:1;vector-effect:non-scaling-stroke;opacity:.5}
.times{display:block;width:100%;max-width:26rem;font-size:10px;fill:var(--soft)}.times .bar{fill:var(--power)}h3{margin:.8rem 0 0;font-size:1rem}h4{margin:.6rem 0 0}
dl{margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.3rem 1.5rem}dt{color:var(--soft);font-size:.85rem}dt small{display:inline}
dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.error{color:var(--fault)}
details{margin-top:.4rem}summary{cursor:pointer;padding:.25rem 0}
summary:focus-visible,a:focus-visible{outline:2px solid var(--power);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{padding:.25rem 0;text-align:left;font-weight:400;border-top:1px solid var(--line);vertical-align:top}
td{text-align:right;white-space:nowrap;padding-left:.8rem;font-variant-numeric:tabular-nums}
form{display:grid;gap:.6rem;max-width:24rem;margin:1rem 0}input,button{font:inherit;padding:.6rem;border:1px solid var(--soft);border-radius:.4rem;background:var(--paper);color:var(--ink)}
input{font-family:ui-monospace,monospace;text-transform:uppercase}button{background:var(--power);color:var(--card);font-weight:600;cursor:pointer}
footer{margin-top:1rem;font-size:.85rem}a{color:var(--power);margin-right:1rem;display:inline-block;padding:.3rem 0}
`;
