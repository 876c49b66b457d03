"""The script of the interface: that of a run's page, and what keeps a page up to date.

A page fetches itself again, and only what differs is changed in the document: focus, scroll positions, unfolded parts,
the order and the filter of the table of jobs stay. Without a script, reloading shows what is new.
"""

from __future__ import annotations

from orchestrator.report.page.script import PAGE_SCRIPT

_UPDATES = r"""
"use strict";
(() => {
  const enhance = signal => {
    // The listeners of the script of the page end with the table that they belong to.
    const addEventListener = (type, listener) => window.addEventListener(type, listener, {signal});
    /*PAGE_SCRIPT*/
  };
  let listeners = new AbortController();
  enhance(listeners.signal);

  const body = document.body, pause = ms => new Promise(done => setTimeout(done, ms));
  const visible = () => document.hidden
    ? new Promise(done => document.addEventListener("visibilitychange", () => done(), {once: true})) : null;
  const say = text => {
    let place = document.getElementById("connection");
    if (!place) {
      place = document.createElement("p");
      place.id = "connection";
      place.className = "notice bad";
      place.setAttribute("role", "status");
      (document.querySelector("main") || body).before(place);
    }
    if (place.textContent !== text) place.textContent = text;
    place.hidden = !text;
  };
  const gone = "pexec ui has ended: this page is not updated any more.";

  const own = node => node.nodeType === 1 && (node.className === "tools" || node.id === "connection");
  const kept = (node, name) =>
    (name === "open" && node.localName === "details") || (name === "hidden" && node.localName === "tr");
  const next = node => { while (node && own(node)) node = node.nextSibling; return node; };
  let added = false;
  const morph = (was, now) => {
    if (was.nodeType !== 1) {
      if (was.nodeValue !== now.nodeValue) was.nodeValue = now.nodeValue;
      return;
    }
    if (was.localName === "time" && was.dateTime === now.dateTime) return;
    if (was.localName === "thead" && was.parentNode.className === "jobs") return;
    if (was.isEqualNode(now)) return;
    for (const {name} of [...was.attributes])
      if (!now.hasAttribute(name) && !kept(was, name)) was.removeAttribute(name);
    for (const {name, value} of now.attributes)
      if (was.getAttribute(name) !== value && !kept(was, name)) was.setAttribute(name, value);
    if (was.localName === "tbody" && was.parentNode.className === "jobs") rows(was, now);
    else children(was, now);
  };
  const rows = (was, now) => {
    const known = new Map([...was.rows].map(row => [row.id, row]));
    for (const row of [...now.rows]) {
      const old = known.get(row.id);
      known.delete(row.id);
      if (old) morph(old, row);
      else { was.append(document.importNode(row, true)); added = true; }
    }
    for (const row of known.values()) { row.remove(); added = true; }
  };
  const children = (was, now) => {
    const named = new Map();
    for (const one of was.children) if (one.id && !own(one)) named.set(one.id, one);
    let at = next(was.firstChild);
    for (const one of [...now.childNodes]) {
      const old = one.id ? named.get(one.id)
        : at && at.nodeType === one.nodeType && at.nodeName === one.nodeName && !at.id ? at : null;
      if (!old) was.insertBefore(document.importNode(one, true), at);
      else {
        if (old === at) at = next(at.nextSibling);
        else was.insertBefore(old, at);
        morph(old, one);
      }
    }
    while (at) {
      const following = next(at.nextSibling);
      at.remove();
      at = following;
    }
  };
  const head = () => document.querySelector("table.jobs thead");
  const renew = fresh => {
    const search = document.getElementById("filter"), status = document.getElementById("filter-status");
    const state = search && [search.value, status.value];
    const sorted = head() ? [...head().rows[0].cells].findIndex(cell => cell.hasAttribute("aria-sort")) : -1;
    const order = sorted < 0 ? "" : head().rows[0].cells[sorted].getAttribute("aria-sort");
    const tools = document.querySelector(".tools"), thead = fresh.querySelector("table.jobs thead");
    if (tools) tools.remove();
    if (head() && thead) head().replaceWith(document.importNode(thead, true));
    listeners.abort();
    listeners = new AbortController();
    enhance(listeners.signal);
    if (!head()) return;
    const button = sorted < 0 ? null : head().rows[0].cells[sorted].querySelector("button");
    for (let tries = 0; button && tries < 2; tries++)
      if (button.parentNode.getAttribute("aria-sort") !== order) button.click();
    if (state && document.getElementById("filter")) {
      document.getElementById("filter").value = state[0];
      document.getElementById("filter-status").value = state[1];
    }
  };
  const update = fresh => {
    added = false;
    const had = !!document.querySelector("table.jobs");
    children(body, fresh.body);
    body.dataset.live = fresh.body.dataset.live;
    document.title = fresh.title;
    if (added || (!had && document.querySelector("table.jobs"))) renew(fresh);
    const status = document.getElementById("filter-status");
    if (!status) return;
    const known = new Set([...status.options].map(one => one.value));
    for (const row of document.querySelector("table.jobs").tBodies[0].rows) {
      const words = row.cells[1].querySelector("span").lastChild.textContent.trim();
      if (!known.has(words)) { known.add(words); status.add(new Option(words, words)); }
    }
    status.dispatchEvent(new Event("change"));
  };

  // Whether there is something new, where that can be asked.
  const changed = async () => {
    if (body.dataset.live === "1") return true;
    const answer = await fetch("state", {cache: "no-store"});
    if (!answer.ok) return true;
    const {version} = await answer.json();
    const before = seen;
    seen = version;
    return before !== "" && before !== version;
  };
  let seen = "";
  const page = async () => {
    for (;;) {
      const began = performance.now();
      let wait = body.dataset.live === "1" ? 1000 : 3000;
      await visible();
      try {
        if (await changed()) {
          const answer = await fetch(location.href, {cache: "no-store"});
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          if (answer.ok) { update(fresh); say(""); }
          else say(fresh.querySelector("main p") ? fresh.querySelector("main p").textContent : gone);
        } else say("");
      } catch (error) {
        say(gone);
        wait = 5000;
      }
      // At most a tenth of the time is spent on a large run.
      await pause(Math.max(wait, 9 * (performance.now() - began)));
    }
  };
  const log = async () => {
    const pre = document.getElementById("log"), notice = document.getElementById("notice");
    const unfinished = document.getElementById("unfinished"), most = 4000000;
    const bottom = () => pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
    pre.scrollTop = pre.scrollHeight;
    for (;;) {
      await pause(500);
      await visible();
      try {
        const name = location.pathname.split("/").pop();
        const answer = await fetch("../follow/" + name + "?from=" + pre.dataset.end, {cache: "no-store"});
        if (!answer.ok) throw new Error();
        const {text, unfinished: rest, end, over} = await answer.json(), follows = bottom();
        if (text) unfinished.before(text);
        if (unfinished.textContent !== rest) unfinished.textContent = rest;
        pre.dataset.end = end;
        while (pre.textContent.length > most && pre.childNodes.length > 2) pre.firstChild.remove();
        if (follows && (text || rest)) pre.scrollTop = pre.scrollHeight;
        say("");
        if (over) { notice.textContent = "The job has ended."; return; }
      } catch (error) {
        say(gone);
        await pause(5000);
      }
    }
  };
  if (body.dataset.kind === "page") page();
  if (body.dataset.kind === "log") log();
})();
"""

LIVE_SCRIPT = _UPDATES.replace("/*PAGE_SCRIPT*/", PAGE_SCRIPT)
