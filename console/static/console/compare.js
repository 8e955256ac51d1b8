// Moves, unfolds, finds and copies on the compare page. Without this file every link still works, by a page of its own.
"use strict";
{
  const rows = document.getElementById("rows");
  const list = document.querySelector(".changes");
  const panel = document.getElementById("place");
  const dialog = document.getElementById("keys");
  const links = [...document.querySelectorAll(".changes li a[href^='#']")];
  let current = -1;

  const say = (words) => {
    const place = document.getElementById("said");
    if (place) place.textContent = words;
  };

  // The address of this page with other words; what the page shows stays what it compares.
  const asking = (base, words) => {
    const query = new URLSearchParams(location.search);
    for (const word of ["at", "was", "part", "find"]) query.delete(word);
    for (const [word, value] of Object.entries(words)) query.set(word, value);
    return `${base}?${query}`;
  };

  const fetched = async (url) => {
    const answer = await fetch(url, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
    return answer.text();
  };

  const byHash = (hash) => hash.length > 1 && document.getElementById(hash.slice(1));

  // Rows have numbers; written are only those that are not one more than the row above.
  const numberOf = (row) => {
    let steps = 0;
    for (let at = row; at; at = at.previousElementSibling, steps++) {
      if (at.dataset.r !== undefined) return Number(at.dataset.r) + steps;
    }
    return -1;
  };

  const rowWith = (number) => {
    for (const table of rows?.querySelectorAll("table.diff") ?? []) {
      let at = -1;
      for (const row of table.rows) {
        at = row.dataset.r === undefined ? at + 1 : Number(row.dataset.r);
        if (at === number) return row;
      }
    }
    return null;
  };

  const unfold = async (gap, begin, end) => {
    const html = await fetched(asking(rows.dataset.rows, { within: gap.dataset.gap, show: `${begin}-${end}` }));
    const made = document.createElement("template");
    made.innerHTML = html;
    const opened = made.content.querySelector("details[open]");
    gap.replaceWith(made.content);
    return opened;
  };

  // What a row shows, for the panel; asked for once the reader rests on it.
  let asked = 0;
  let resting;
  const tell = (row) => {
    clearTimeout(resting);
    resting = setTimeout(async () => {
      const mine = ++asked;
      try {
        const html = await fetched(asking(rows.dataset.place, { row: numberOf(row) }));
        if (mine !== asked) return;
        panel.innerHTML = html;
        panel.hidden = false;
      } catch {
        panel.hidden = true;
      }
    }, 120);
  };

  const choose = (row, { scroll = true } = {}) => {
    rows.querySelector("tr.current")?.classList.remove("current");
    row.classList.add("current");
    row.closest("details")?.setAttribute("open", "");
    if (scroll) {
      row.tabIndex = -1;
      row.scrollIntoView({ block: "center" });
      row.focus({ preventScroll: true });
    }
    tell(row);
  };

  const mark = (index, options) => {
    list.querySelector("a[aria-current]")?.removeAttribute("aria-current");
    current = index;
    const link = links[index];
    const row = link && byHash(link.hash);
    if (!row) return;
    link.setAttribute("aria-current", "true");
    link.closest("details")?.setAttribute("open", "");
    // Scroll the list only inside itself, never the page under the reader.
    const place = link.getBoundingClientRect();
    const frame = list.getBoundingClientRect();
    if (place.top < frame.top || place.bottom > frame.bottom) {
      list.scrollTop += place.top - frame.top - frame.height / 2;
    }
    choose(row, options);
  };

  const go = (step) => {
    const visible = links.filter((link) => !link.closest("details:not([open])"));
    const at = visible.indexOf(links[current]);
    const next = at < 0 ? (step > 0 ? 0 : visible.length - 1) : at + step;
    if (next >= 0 && next < visible.length) {
      mark(links.indexOf(visible[next]));
      return;
    }
    const part = document.querySelector(`.parts a[rel='${step > 0 ? "next" : "prev"}']`);
    if (part) location.assign(`${part.href}#${step > 0 ? "first" : "last"}`);
    else say(step > 0 ? "This is the last change." : "This is the first change.");
  };

  const fold = () => {
    const folds = [...document.querySelectorAll("details.fold")];
    const open = folds.some((element) => !element.open);
    for (const element of folds) element.open = open;
  };

  const written = async (text, words) => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${words} copied.`);
    } catch {
      say(`The browser did not allow copying. ${words} was not copied.`);
    }
  };

  const copy = (what) => {
    if (what === "link") {
      const link = (!panel.hidden && panel.querySelector("a[href]")?.getAttribute("href")) ||
        document.querySelector(".compare-frame").dataset.link;
      return written(new URL(link, location.href).href, "The link");
    }
    const from = !panel.hidden && panel.querySelector(`[data-is='${what}']`);
    if (!from) return say("No place is chosen; nothing was copied. Press j for the next change, or click a row.");
    return written(from.textContent, what === "path" ? "The path" : "The value");
  };

  const reveal = async (number, otherwise) => {
    let row = rowWith(number);
    if (!row) {
      const gap = [...rows.querySelectorAll("[data-gap].far")].find((one) => {
        const [begin, end] = one.dataset.gap.split("-").map(Number);
        return begin <= number && number < end;
      });
      if (!gap) return location.assign(otherwise);
      await unfold(gap, Math.max(0, number - 8), number + 9);
      row = rowWith(number);
    }
    if (row) choose(row);
  };

  const keys = {
    j: () => go(1),
    n: () => go(1),
    k: () => go(-1),
    p: () => go(-1),
    e: fold,
    u: () => document.querySelector(".segmented a:not([aria-current])")?.click(),
    h: () => document.getElementById("hiding")?.click(),
    c: () => copy("path"),
    v: () => copy("value"),
    l: () => copy("link"),
    "/": () => document.getElementById("find")?.select(),
    "?": () => dialog?.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const act = rows || event.key === "?" || event.key === "u" ? keys[event.key] : undefined;
    if (act) {
      event.preventDefault();
      act();
    }
  });

  if (rows) {
    rows.addEventListener("click", async (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      const link = event.target.closest("a[data-show]");
      if (link) {
        event.preventDefault();
        try {
          const opened = await unfold(link.closest("[data-gap]"), ...link.dataset.show.split("-"));
          opened?.querySelector("summary").focus();
        } catch {
          location.assign(link.href);
        }
        return;
      }
      const row = event.target.closest("tr");
      if (row && !String(getSelection())) choose(row, { scroll: false });
    });

    panel.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-copy]");
      if (button) copy(button.dataset.copy);
    });

    document.querySelector("form.find").addEventListener("submit", async (event) => {
      event.preventDefault();
      const form = event.currentTarget;
      const text = form.elements.find.value.trim();
      const found = document.getElementById("found");
      try {
        found.innerHTML = text ? await fetched(asking(rows.dataset.found, { find: text })) : "";
        const only = found.querySelectorAll("a[data-row]");
        if (only.length === 1) await reveal(Number(only[0].dataset.row), only[0].href);
      } catch {
        form.submit();
      }
    });

    list.addEventListener("click", async (event) => {
      const link = event.target.closest("a[data-row]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      try {
        await reveal(Number(link.dataset.row), link.href);
      } catch {
        location.assign(link.href);
      }
    });
  }

  const follow = () => {
    if (location.hash === "#first" || location.hash === "#last") {
      go(location.hash === "#first" ? 1 : -1);
      return;
    }
    // An address that names a place leads to it even where its fragment was lost on the way.
    const hash = location.hash || panel?.querySelector("a[href]")?.hash || "";
    const index = links.findIndex((link) => link.hash === hash);
    const row = byHash(hash);
    const scroll = !location.hash;
    if (index >= 0 && hash) mark(index, { scroll });
    else if (row && rows?.contains(row)) choose(row, { scroll });
  };
  addEventListener("hashchange", follow);
  follow();
}
