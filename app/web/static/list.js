"use strict";
(() => {
  const { keep, end, idle } = document.body.dataset;
  const idleMs = Number(idle) * 1000, warnMs = Math.min(120000, idleMs / 2);
  const live = document.getElementById("live"), bar = document.getElementById("idle");
  let contact = Date.now(), over = false;

  const post = (url) => fetch(url, { method: "POST", credentials: "same-origin", cache: "no-store", redirect: "error" });

  function close() {
    over = true;
    bar.hidden = true;
    document.getElementById("list").replaceChildren(document.getElementById("over").content.cloneNode(true));
    live.textContent = "Session over";
  }

  async function stay() {
    bar.hidden = true;
    contact = Date.now();
    try {
      if ([401, 403].includes((await post(keep)).status)) close();
    } catch { /* the server's own clock decides; the next request tells */ }
  }

  function watch() {
    const left = contact + idleMs - Date.now();
    if (over) return;
    if (left <= 0) {
      post(end).catch(() => {});
      return close();
    }
    if (left > warnMs) return;
    if (bar.hidden) live.textContent = "The list closes soon because it was not used. Keep it open?";
    bar.hidden = false;
    document.getElementById("idle-text").textContent =
      `The list closes in ${Math.ceil(left / 1000)} seconds because it was not used.`;
  }

  for (const print of document.querySelectorAll("[data-print]")) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }
  document.getElementById("stay").addEventListener("click", stay);
  for (const use of ["pointerdown", "keydown"]) {
    document.addEventListener(use, () => {
      if (!over && bar.hidden && Date.now() - contact > 60000) stay();
    });
  }
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.replace(location.href); });
  setInterval(watch, 1000);
})();
