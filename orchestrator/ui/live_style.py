"""The part of the style sheet that only the interface needs."""

from __future__ import annotations

LIVE_STYLE = """
.site{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;border-bottom:1px solid var(--line);padding:0 0 .5rem;
  margin:0 0 1rem}
.site a[aria-current]{color:inherit;text-decoration:none;font-weight:600}
.notice{border:1px solid var(--line);border-left:4px solid var(--busy);background:var(--pane);padding:.5rem .8rem;
  border-radius:6px}
.notice.bad{border-left-color:var(--bad);color:inherit}
.actions{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0;align-items:center}
form{margin:0}
form button,.actions summary{font:inherit;color:inherit;background:var(--pane);border:1px solid var(--dim);
  border-radius:6px;padding:.25rem .7rem;cursor:pointer}
form button:hover,.actions summary:hover{border-color:var(--text)}
td form button{padding:0 .5rem;font-size:13px}
.actions details[open]{display:flex;flex-wrap:wrap;gap:.5rem}
.actions details{border:0;margin:0;padding:0}
.last{max-width:32rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-family:ui-monospace,monospace;
  font-size:13px}
table.runs td,table.runs th{vertical-align:top}
table.runs th a,table.runs td span{white-space:nowrap}
main.trends .scroll{max-width:48rem}
#log{min-height:10rem;white-space:pre-wrap;overflow-wrap:anywhere;overflow:auto;max-height:75vh}
.columns-of-runs{display:block;width:100%;height:120px}
.columns-of-runs rect.bad{fill:url(#hatch-bad);stroke:var(--bad)}
.columns-of-runs rect.warn{fill:url(#hatch-warn);stroke:var(--warn)}
.columns-of-runs a:focus-visible rect{stroke:var(--link);stroke-width:2}
"""
