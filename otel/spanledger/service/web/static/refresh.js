// Keeps a page fresh: asks for its changing part every few seconds and puts in place what is different, so that focus,
// scroll, selection and open details stay. It rests while nobody looks, while a field has the focus, and on request.
(() => {
  "use strict";
  const fresh = document.getElementById("fresh");
  const live = document.getElementById("live");
  if (!fresh || !live) return;
  const every = Number(fresh.dataset.every) * 1000;
  const text = document.getElementById("fresh-text");
  const pause = document.getElementById("pause");
  const announce = document.getElementById("announce");
  let paused = false;
  let failing = false;
  let timer = 0;
  let asked = null;
  let known = text.textContent;

  const editing = () => document.activeElement?.matches("input, select, textarea") ?? false;
  const opened = () => document.querySelector(".filter[open]") !== null;

  function say(state) {
    fresh.dataset.state = state;
    const words = { on: "", paused: " · paused", editing: " · waits while you type", failing: " · not reachable, trying again", out: " · signed out: load the page again" };
    text.textContent = known + words[state];
  }

  function attributes(old, now) {
    const keep = old.tagName === "DETAILS" ? ["open"] : [];
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name) && !keep.includes(name)) old.removeAttribute(name);
    for (const { name, value } of [...now.attributes]) if (old.getAttribute(name) !== value && !keep.includes(name)) old.setAttribute(name, value);
  }

  const blank = (node) => node.nodeType === Node.TEXT_NODE && !node.data.trim();
  const alike = (old, now) => old.nodeType === now.nodeType && old.nodeName === now.nodeName;

  // What a part is of: rows and sections keep who they are when others come and go, so that a link that has the focus
  // never becomes the link of something else.
  function key(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return null;
    const row = () => node.dataset.t ?? node.querySelector("a")?.getAttribute("href");
    return node.id || node.getAttribute("aria-labelledby") || (node.tagName === "TR" ? row() : null) || null;
  }

  function morph(old, now) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== now.data) old.data = now.data;
      return;
    }
    attributes(old, now);
    if (!("keep" in old.dataset)) children(old, now);
  }

  // The old parts that stay, by key; the others go.
  function staying(old, now) {
    const wanted = new Set([...now.childNodes].map(key));
    const known = new Map();
    for (const node of [...old.childNodes]) {
      const own = key(node);
      if (own === null) continue;
      if (wanted.has(own) && !known.has(own)) known.set(own, node);
      else node.remove();
    }
    return known;
  }

  function children(old, now) {
    const known = staying(old, now);
    let at = old.firstChild;
    for (const node of [...now.childNodes]) {
      while (at && blank(at) && !blank(node)) at = gone(at);
      const own = key(node);
      const same = own !== null ? known.get(own) : at && key(at) === null && alike(at, node) ? at : undefined;
      known.delete(own);
      if (!same) { old.insertBefore(node, at); continue; }
      if (at === same) at = at.nextSibling;
      else if (old.moveBefore) old.moveBefore(same, at);
      else old.insertBefore(same, at);
      morph(same, node);
    }
    while (at) at = gone(at);
  }

  function gone(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  async function look() {
    asked?.abort();
    asked = new AbortController();
    const address = new URL(location.href);
    address.searchParams.delete("done");
    const response = await fetch(address, { headers: { "x-spanledger-refresh": "1" }, signal: AbortSignal.any([asked.signal, AbortSignal.timeout(10000)]) });
    if (response.status === 401) { paused = true; say("out"); return; }
    if (!response.ok) throw new Error(String(response.status));
    if (live.querySelector(":scope > .broken")) { location.reload(); return; }
    const part = document.createElement("template");
    part.innerHTML = await response.text();
    if (paused || editing()) return;
    const fetched = part.content.getElementById("fetched");
    known = fetched.textContent;
    fetched.remove();
    children(live, part.content);
    document.dispatchEvent(new Event("spanledger:fresh"));
    if (failing) announce.textContent = "The page is fresh again.";
    failing = false;
    say("on");
  }

  async function tick() {
    clearTimeout(timer);
    if (!paused && !document.hidden) {
      if (editing() || opened()) say("editing");
      else {
        try { await look(); } catch (error) {
          if (error.name !== "AbortError") {
            if (!failing) announce.textContent = "The service cannot be reached. What is shown is not fresh.";
            failing = true;
            say("failing");
          }
        }
      }
    }
    timer = setTimeout(tick, every);
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    say(paused ? "paused" : "on");
    if (!paused) tick();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
  if (new URL(location.href).searchParams.has("done")) {
    const address = new URL(location.href);
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
  timer = setTimeout(tick, every);
})();
