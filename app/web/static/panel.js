"use strict";
(() => {
  const body = document.body, panel = document.getElementById("panel");
  const live = document.getElementById("live"), idle = document.getElementById("idle");
  const { content, keep, end, patient } = body.dataset;
  const idleMs = Number(body.dataset.idle) * 1000;
  const warnMs = Math.min(120000, idleMs / 2);
  let contact = Date.now(), over = false, clock = 0;

  const say = (text) => { live.textContent = text; };
  const ask = (url, method, fields) => fetch(url, {
    method, body: fields, credentials: "same-origin", cache: "no-store", redirect: "error",
    headers: { "X-Ltot-Patient": patient },
  });

  const parse = (html) => new DOMParser().parseFromString(html, "text/html");

  function show(html) {
    const parsed = parse(html);
    panel.replaceChildren(...(parsed.querySelector("main") || parsed.body).childNodes);
    panel.removeAttribute("aria-busy");
    const banner = panel.querySelector(".banner");
    if (banner) {
      document.querySelector("body > .banner")?.remove();
      body.prepend(banner);
    }
    if (panel.querySelector("[data-leaving]")) leave();
    const shown = panel.querySelector("[data-announce]");
    const heading = panel.querySelector("h1, h2");
    say(shown ? shown.dataset.announce : heading ? heading.textContent : "");
  }

  function leave() {
    over = true;
    idle.hidden = true;
    document.querySelector(".banner")?.remove();
  }

  function close() {
    if (over) return;
    ask(end, "POST").catch(() => {});
    show(document.getElementById("over").innerHTML);
  }

  async function load() {
    const started = Date.now();
    panel.setAttribute("aria-busy", "true");
    clearInterval(clock);
    clock = setInterval(() => {
      const seconds = Math.floor((Date.now() - started) / 1000);
      const place = document.getElementById("seconds");
      if (place && seconds >= 2) place.textContent = `: ${seconds} seconds`;
      if (seconds === 4) say("Still reading the chart");
    }, 1000);
    try {
      const answer = await ask(content, "GET");
      const type = answer.headers.get("content-type") || "";
      if (!type.startsWith("text/html")) throw new Error("not a page");
      const html = await answer.text();
      contact = Date.now();
      if (!over) show(html);
    } catch {
      if (!over) show(document.getElementById("failed").innerHTML);
    } finally {
      clearInterval(clock);
    }
  }

  async function stay() {
    idle.hidden = true;
    contact = Date.now();
    try {
      const answer = await ask(keep, "POST");
      if ([401, 403, 409].includes(answer.status)) show(await answer.text());
    } catch { /* the server's own clock decides; the next request tells */ }
  }

  function watch() {
    const left = contact + idleMs - Date.now();
    if (over) return;
    if (left <= 0) return close();
    if (left > warnMs) return;
    if (idle.hidden) say("The panel closes soon because it was not used. Keep it open?");
    idle.hidden = false;
    document.getElementById("idle-text").textContent =
      `The panel closes in ${Math.ceil(left / 1000)} seconds because it was not used.`;
  }

  async function copy() {
    const summary = document.getElementById("summary");
    try {
      await navigator.clipboard.writeText(summary.value);
      say("Summary copied");
    } catch {
      summary.closest("details").open = true;
      summary.focus();
      summary.select();
      say(document.execCommand("copy") ? "Summary copied" : "Summary selected; copy it with the keyboard");
    }
  }

  async function unfold(link) {
    const place = link.parentElement, open = place.nextElementSibling;
    if (open?.matches(".rec")) return open.remove();
    try {
      const answer = await ask(content.replace("content", `records/${link.dataset.form}`), "GET");
      const html = await answer.text(), forms = parse(html).querySelector(".rec");
      if (!forms) return show(html);
      place.after(forms);
      forms.focus();
    } catch { location.assign(link.href); }
  }

  async function record(form, button) {
    if (form.dataset.busy) return;
    form.dataset.busy = 1;
    const fields = new URLSearchParams(new FormData(form));
    if (button?.name) fields.set(button.name, button.value);
    let text = "No answer. Try again: nothing is recorded twice.";
    try {
      const answer = await ask(form.action, "POST", fields);
      contact = Date.now();
      if (answer.ok) {
        await load();
        return document.getElementById("action")?.focus();
      }
      const html = await answer.text(), page = parse(html);
      if (page.querySelector("[data-leaving]")) return show(html);
      text = page.querySelector(".state p").textContent;
    } catch { /* kept once, however often it is sent */ }
    delete form.dataset.busy;
    form.querySelector(".told").textContent = text;
  }

  document.addEventListener("submit", (event) => {
    if (!panel.contains(event.target)) return;
    event.preventDefault();
    record(event.target, event.submitter);
  });
  document.addEventListener("click", (event) => {
    const hit = event.target.closest("[data-form],[data-retry],[data-copy],[data-print],#stay");
    if (!hit) return;
    if (hit.id === "stay") stay();
    else if ("copy" in hit.dataset) copy().then(() => {
      hit.textContent = live.textContent;
      setTimeout(() => { hit.textContent = "Copy summary"; }, 4000);
    });
    else if ("print" in hit.dataset) window.print();
    else {
      event.preventDefault();
      if (hit.dataset.form) unfold(hit);
      else load();
    }
  });
  for (const use of ["pointerdown", "keydown"]) {
    document.addEventListener(use, () => {
      if (!over && idle.hidden && Date.now() - contact > 60000) stay();
    });
  }
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  setInterval(watch, 1000);
  if ("load" in panel.dataset) load();
  else say(panel.querySelector("[data-announce]")?.dataset.announce || "");
})();
