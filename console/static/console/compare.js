// Moves on the compare page by keyboard. Everything here is also reachable by links; without this file nothing is lost.
"use strict";
{
  const links = [...document.querySelectorAll(".changes a[href^='#c']")];
  const dialog = document.getElementById("keys");
  let current = -1;

  const rowOf = (link) => document.getElementById(link.hash.slice(1));

  const mark = (index) => {
    document.querySelector("tr.current")?.classList.remove("current");
    document.querySelector(".changes a[aria-current]")?.removeAttribute("aria-current");
    current = index;
    const link = links[index];
    const row = link && rowOf(link);
    if (!row) return;
    row.classList.add("current");
    link.setAttribute("aria-current", "true");
    link.closest("details")?.setAttribute("open", "");
    // Scroll the list only inside itself, never the page under the reader.
    const list = link.closest(".changes");
    const place = link.getBoundingClientRect();
    const frame = list.getBoundingClientRect();
    if (place.top < frame.top || place.bottom > frame.bottom) {
      list.scrollTop += place.top - frame.top - frame.height / 2;
    }
    return row;
  };

  const go = (step) => {
    if (!links.length) return;
    const visible = links.filter((link) => !link.closest("details:not([open])"));
    const at = visible.indexOf(links[current]);
    const next = at < 0 ? (step > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, at + step));
    const row = mark(links.indexOf(visible[next]));
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  };

  const fold = () => {
    const folds = [...document.querySelectorAll("details.fold")];
    const open = folds.some((element) => !element.open);
    for (const element of folds) element.open = open;
  };

  const keys = {
    j: () => go(1),
    n: () => go(1),
    k: () => go(-1),
    p: () => go(-1),
    e: fold,
    u: () => document.querySelector(".segmented a:not([aria-current])")?.click(),
    "?": () => dialog?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });

  const follow = () => {
    const index = links.findIndex((link) => link.hash === location.hash);
    if (index >= 0) mark(index);
  };
  addEventListener("hashchange", follow);
  follow();
}
