"""The dependency graph as SVG: part of a page, or a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.console.text import columns
from orchestrator.report.page.graph_layout import layout
from orchestrator.report.page.graph_nodes import Graph, Node
from orchestrator.report.page.markup import escaped, short, shown

_CHARACTER = 7.2  # width of a column of text
_LINE = 16
_PADDING = 10
_SYMBOL = 16
_ROW_GAP = 12
_LAYER_GAP = 46
_MARGIN = 6


def graph_svg(graph: Graph, title: str, *, style: str = "", links: bool = True) -> Iterator[str]:
    """The drawing. With `links` each node is a link to the row of its job in the page; with `style` the drawing has a
    style sheet of its own and can be a file."""
    box = _LINE * max((len(node.lines) for node in graph.nodes), default=1) + _PADDING
    row = box + _ROW_GAP
    placed = layout([node.layer for node in graph.nodes], [(edge.source, edge.target) for edge in graph.edges])
    lefts, widths = _layers(graph.nodes)
    width = round(lefts[-1] + widths[-1] + _MARGIN) if lefts else 1
    height = round(max((place + 0.5 for place in _places(placed.rows, placed.bends)), default=0.0) * row + 2 * _MARGIN)
    space = ' xmlns="http://www.w3.org/2000/svg"' if style else ""
    yield (
        f'<svg{space} class="graph" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{shown(title)}"><title>{shown(title)}</title>'
    )
    if style:
        yield f"<style>{style}</style>"
    yield '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    yield '<path d="M0 0L8 4L0 8z"/></marker></defs>'
    middle = [_MARGIN + place * row for place in placed.rows]
    for edge, bends in zip(graph.edges, placed.bends, strict=True):
        source, target = graph.nodes[edge.source], graph.nodes[edge.target]
        x, y = lefts[source.layer] + _box_width(source), middle[edge.source]
        path = [f"M{short(x)} {short(y)}"]
        for layer, bend in enumerate(bends, source.layer + 1):
            path.append(_curve(x, y, lefts[layer], _MARGIN + bend * row))
            x, y = lefts[layer] + widths[layer], _MARGIN + bend * row
            path.append(f"H{short(x)}")
        path.append(_curve(x, y, lefts[target.layer], middle[edge.target]))
        kind = "edge" + (" soft" if edge.soft else "") + (" crit" if edge.critical else "")
        yield f'<path class="{kind}" d="{"".join(path)}"/>'
        if edge.label:
            yield f'<text class="dim" x="{short(x + 6)}" y="{short(y - 6)}">{shown(edge.label)}</text>'
    for node, y in zip(graph.nodes, middle, strict=True):
        yield _node(node, lefts[node.layer], y, box, links=links)
    yield "</svg>"


def _places(rows: Sequence[float], bends: Sequence[tuple[float, ...]]) -> Iterator[float]:
    yield from rows
    for places in bends:
        yield from places


def _layers(nodes: Sequence[Node]) -> tuple[list[float], list[float]]:
    """The left edge and the width of each layer."""
    widths = [0.0] * (1 + max((node.layer for node in nodes), default=-1))
    for node in nodes:
        widths[node.layer] = max(widths[node.layer], _box_width(node))
    lefts: list[float] = []
    left = float(_MARGIN)
    for width in widths:
        lefts.append(left)
        left += width + _LAYER_GAP
    return lefts, widths


def _box_width(node: Node) -> float:
    symbol = _SYMBOL if node.symbol else 0
    first, *others = (columns(line) for line in node.lines)
    return 2 * _PADDING + _CHARACTER * max(first + symbol / _CHARACTER, *others, 3)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    """From left to right, level at both ends."""
    if abs(y - to_y) < 0.01:
        return f"H{short(to_x)}"
    half = short((x + to_x) / 2)
    return f"C{half} {short(y)} {half} {short(to_y)} {short(to_x)} {short(to_y)}"


def _node(node: Node, x: float, middle: float, box: float, *, links: bool) -> str:
    top, width = middle - box / 2, _box_width(node)
    corner = box / 2 if node.is_group else 5
    parts = [
        f"<title>{escaped(node.title)}</title>"
        f'<rect class="node {node.kind}" x="{short(x)}" y="{short(top)}" width="{short(width)}" height="{short(box)}" '
        f'rx="{short(corner)}"/>'
    ]
    y = middle - (len(node.lines) - 1) * _LINE / 2 + 4
    text_x = x + _PADDING
    if node.symbol:
        parts.append(f'<text class="{node.kind}" x="{short(text_x)}" y="{short(y)}">{node.symbol}</text>')
    for number, line in enumerate(node.lines):
        shift = _SYMBOL if node.symbol and not number else 0
        kind = ' class="dim"' if number else ""
        parts.append(f'<text{kind} x="{short(text_x + shift)}" y="{short(y + number * _LINE)}">{escaped(line)}</text>')
    inner = "".join(parts)
    return f'<a href="#j{node.job}">{inner}</a>' if links and node.job is not None else f"<g>{inner}</g>"
