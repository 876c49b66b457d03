"""The script of pages: local times, sorting and filtering of the table of jobs. Everything else works without it."""

from __future__ import annotations

PAGE_SCRIPT = r"""
"use strict";
(() => {
  const ago = seconds => {
    const format = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
      if (Math.abs(seconds) >= size) return format.format(-Math.round(seconds / size), unit);
    return format.format(-Math.round(seconds), "second");
  };
  const pad = number => String(number).padStart(2, "0");
  for (const time of document.querySelectorAll("time")) {
    const then = new Date(time.dateTime);
    if (isNaN(then)) continue;
    const day = [then.getFullYear(), pad(then.getMonth() + 1), pad(then.getDate())].join("-");
    const clock = [then.getHours(), then.getMinutes(), then.getSeconds()].map(pad).join(":");
    time.title = time.textContent;
    time.textContent = day + " " + clock + ", " + ago((Date.now() - then) / 1000);
  }

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });

  const table = document.querySelector("table.jobs");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const words = cell => cell.textContent.trim();
  const value = cell => cell.dataset.v === undefined ? parseFloat(words(cell)) : Number(cell.dataset.v);
  const sort = (column, descending) => {
    const numeric = heads[column].classList.contains("n");
    const keys = new Map(rows.map((row, place) => {
      const cell = row.cells[column];
      return [row, [cell ? (numeric ? value(cell) : words(cell)) : "", place]];
    }));
    const empty = key => key === "" || Number.isNaN(key);
    const sorted = [...rows].sort((a, b) => {
      const [x, i] = keys.get(a), [y, j] = keys.get(b);
      if (empty(x) || empty(y)) return empty(x) - empty(y) || i - j;
      const order = numeric ? x - y : x.localeCompare(y, "en", {numeric: true});
      return (descending ? -order : order) || i - j;
    });
    body.append(...sorted);
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => {
    if (words(head) === "Earlier runs") return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words(head);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(column, now ? now === "ascending" : head.classList.contains("n"));
    });
    head.replaceChildren(button);
  });

  const tools = document.createElement("div"), count = document.createElement("span");
  tools.className = "tools";
  count.setAttribute("role", "status");
  const labelled = (text, control) => {
    const label = document.createElement("label");
    label.append(text + " ", control);
    return label;
  };
  const search = document.createElement("input"), status = document.createElement("select");
  search.type = "search";
  search.id = "filter";
  status.id = "filter-status";
  const found = new Set(rows.map(row => row.cells[1].querySelector("span").lastChild.textContent.trim()));
  for (const one of ["all", ...found]) status.add(new Option(one, one));
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const state = row.cells[1].querySelector("span").lastChild.textContent.trim();
      row.hidden = !(wanted.every(word => text.includes(word)) && (status.value === "all" || status.value === state));
      seen += !row.hidden;
    }
    count.textContent = seen === rows.length ? "" : seen + " of " + rows.length + " jobs";
  };
  search.addEventListener("input", filter);
  status.addEventListener("change", filter);
  tools.append(labelled("Filter", search), labelled("Status", status), count);
  table.parentElement.before(tools);

  const reveal = () => {
    const row = /^#j\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
    if (row && row.hidden) { search.value = ""; status.value = "all"; filter(); row.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
})();
"""
