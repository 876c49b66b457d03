"""The style sheet of pages, and its part for drawings that are files of their own.

Every colour has a contrast of at least 4.5 to 1 as text on its background, in light and in dark mode.
"""

from __future__ import annotations

_LIGHT = (
    "--back:#fff;--pane:#f6f8fa;--text:#1f2328;--dim:#59636e;--line:#d1d9e0;--link:#0757b8;"
    "--ok:#1a7f37;--bad:#c4202b;--warn:#8a5c00;--busy:#0757b8;--off:#59636e;--wait:#8c959f"
)
_DARK = (
    "--back:#0d1117;--pane:#151b23;--text:#f0f6fc;--dim:#9aa4af;--line:#3d444d;--link:#6cb0ff;"
    "--ok:#3fb950;--bad:#ff6b62;--warn:#d9a021;--busy:#6cb0ff;--off:#9aa4af;--wait:#7d8590"
)
_THEMES = f":root{{color-scheme:light dark;{_LIGHT}}}@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
_KINDS = "".join(f".{kind}{{fill:var(--{kind});color:var(--{kind})}}" for kind in ("ok", "bad", "warn", "busy", "off"))
_DRAWING = (
    f"{_KINDS}.dim{{fill:var(--dim);color:var(--dim)}}"
    ".graph text{font:13px system-ui,sans-serif}.graph text:not([class]){fill:var(--text)}"
    ".node{fill:var(--pane);stroke:var(--off);stroke-width:1.5}"
    ".node.ok{stroke:var(--ok)}.node.bad{stroke:var(--bad);stroke-width:2.5}.node.warn{stroke:var(--warn);stroke-width:2.5}"
    ".node.busy{stroke:var(--busy)}.node.off{stroke-dasharray:4 3}"
    ".edge{fill:none;stroke:var(--wait);stroke-width:1.3;marker-end:url(#tip)}.soft{stroke-dasharray:5 4}"
    ".edge.crit{stroke:var(--text);stroke-width:2.5}"
    "#tip path{fill:var(--wait)}"
)

# Of a drawing that is a file. `color-scheme` is that of the program which shows it.
DRAWING_STYLE = f"{_THEMES}.graph{{background:var(--back)}}{_DRAWING}"

PAGE_STYLE = f"""{_THEMES}
*{{box-sizing:border-box}}
body{{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1280px;padding:1rem;background:var(--back);
  color:var(--text)}}
h1{{font-size:1.5rem;margin:.2em 0;overflow-wrap:anywhere}}
h2{{font-size:1.2rem;margin:0 0 .5rem}}
h3{{font-size:1rem;margin:.2rem 0}}
section{{margin:2rem 0}}
p{{margin:.4rem 0;overflow-wrap:anywhere}}
a{{color:var(--link)}}
i{{font-style:normal}}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,summary:focus-visible,
[tabindex]:focus-visible{{outline:2px solid var(--link);outline-offset:2px}}
{_DRAWING}
.badge{{font-size:1rem;font-weight:600;padding:.1em .6em;border:2px solid;border-radius:1em;white-space:nowrap}}
.badge i{{margin-right:.35em}}
nav{{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:.5rem 0;border-bottom:1px solid var(--line)}}
dl{{display:flex;flex-wrap:wrap;gap:.6rem 2rem;margin:1rem 0}}
dt{{color:var(--dim);font-size:.85rem}}
dd{{margin:0;overflow-wrap:anywhere}}
code,pre{{font:13px/1.45 ui-monospace,monospace}}
code{{overflow-wrap:anywhere}}
pre{{background:var(--pane);border:1px solid var(--line);border-radius:6px;padding:.6rem;overflow:auto;
  max-height:24rem;margin:.4rem 0;
display:flex;flex-direction:column-reverse}}
details{{border:1px solid var(--line);border-radius:6px;padding:.4rem .8rem;margin:.5rem 0}}
summary{{cursor:pointer;overflow-wrap:anywhere}}
.scroll{{overflow:auto;max-height:75vh;border:1px solid var(--line);border-radius:6px}}
.skip{{position:absolute;left:-99rem}}
.skip:focus{{position:static}}
table{{border-collapse:collapse;width:100%}}
caption{{text-align:left;color:var(--dim);padding:.3rem .6rem}}
caption span{{display:inline-block;position:sticky;left:.6rem;max-width:calc(100vw - 3rem)}}
th,td{{text-align:left;padding:.25rem .6rem;vertical-align:top;border-bottom:1px solid var(--line);font-weight:400}}
td.n,th.n{{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}}
thead th{{position:sticky;top:0;background:var(--pane);font-weight:600;white-space:nowrap;z-index:1}}
tbody th{{min-width:9rem;max-width:22rem;overflow-wrap:anywhere}}
td:nth-child(10){{min-width:12rem;overflow-wrap:anywhere}}
td:nth-child(2){{white-space:nowrap}}
tr:target{{outline:2px solid var(--link);outline-offset:-2px}}
thead button{{all:unset;cursor:pointer;display:block;width:100%}}
thead button:focus-visible{{outline:2px solid var(--link)}}
th[aria-sort=ascending] button::after{{content:" ▲"}}
th[aria-sort=descending] button::after{{content:" ▼"}}
.tools{{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin:.5rem 0}}
input,select,.tools button{{font:inherit;color:inherit;background:var(--back);border:1px solid var(--dim);
  border-radius:6px;padding:.25rem .5rem}}
.spark{{width:84px;height:22px}}
.legend{{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;margin:.4rem 0;padding:0}}
.legend svg{{vertical-align:middle}}
.zoom{{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:1rem}}
.zoom legend{{float:left;margin-right:1rem;padding:0}}
.wide{{position:relative;min-width:100%;width:max(100%,44rem);padding-right:var(--label)}}
#timeline:has(#z2:checked) .wide{{width:200%}}
#timeline:has(#z4:checked) .wide{{width:400%}}
#timeline:has(#z8:checked) .wide{{width:800%}}
#timeline:has(#z16:checked) .wide{{width:1600%}}
.tl ol{{list-style:none;margin:0;padding:0 0 4px}}
.tl li{{display:flex;height:20px;position:relative}}
.tl li:hover{{background:var(--pane)}}
.tl li a{{flex:0 0 var(--names);position:sticky;left:0;z-index:1;background:var(--back);padding:0 .5rem;
  line-height:20px;
overflow:hidden;text-overflow:ellipsis;white-space:nowrap;text-decoration:none;color:inherit;font-size:13px;
  border-right:1px solid var(--line)}}
.tl .n{{display:none}}
.tl li a:hover,.tl li a:focus-visible{{text-decoration:underline;background:var(--pane);outline-offset:-2px}}
.tl li svg{{flex:1 1 auto;width:1px;height:20px;overflow:visible}}
.tl{{--names:15rem;--label:3.2rem}}
.axis{{display:block;height:18px;width:calc(100% - var(--names));margin-left:var(--names);overflow:visible}}
.axis text{{font:12px system-ui,sans-serif;fill:var(--dim)}}
.grid{{position:absolute;top:0;left:var(--names);width:calc(100% - var(--names) - var(--label));
  height:100%;pointer-events:none}}
.grid line{{stroke:var(--line)}}
.slots{{--names:0rem}}
.lanes{{display:block;position:relative}}
.wait{{fill:var(--wait)}}
.back{{fill:none;stroke:var(--warn);stroke-dasharray:2 2}}
.tl rect.bad,.legend rect.bad{{fill:url(#hatch-bad);stroke:var(--bad)}}
.tl rect.warn,.legend rect.warn{{fill:url(#hatch-warn);stroke:var(--warn)}}
.tl rect.off,.legend rect.off{{fill:none;stroke:var(--off)}}
#hatch-bad path{{stroke:var(--bad);stroke-width:3}}
#hatch-warn path{{stroke:var(--warn);stroke-width:3}}
.tl rect.crit,.legend rect.crit{{stroke:var(--text);stroke-width:2}}
.columns{{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem 2rem}}
.bars{{list-style:none;margin:0;padding:0;font-size:14px}}
.bars li{{display:grid;grid-template-columns:1fr auto;column-gap:1rem;margin:.2rem 0}}
.bars a{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}}
.bars svg{{grid-column:1/3;width:100%;height:6px}}
.defs{{position:absolute;width:0;height:0}}
@media(max-width:700px){{body{{padding:.6rem}}.zoom{{gap:.5rem}}.zoom legend{{margin-right:.5rem}}
  .tl{{--names:8rem}}.tl .w{{display:none}}.tl .n{{display:inline}}}}
@media print{{body{{max-width:none}}nav,.zoom,.tools,.skip{{display:none}}.scroll,pre{{max-height:none;
  overflow:visible;border:0}}
thead th{{position:static}}
.wide{{width:100%}}
details{{break-inside:avoid}}}}
"""
