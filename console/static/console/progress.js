/* Watches a run: asks every second how far it is, shows the list as it then stands, and loads the page anew at its end. */
(() => {
  const run = document.querySelector("[data-watch]");
  if (!run) return;
  const said = document.getElementById("run-said");
  const trouble = document.getElementById("run-trouble");
  const every = Number(run.dataset.every) || 1000;
  let misses = 0;

  async function look() {
    try {
      const answer = await fetch(run.dataset.watch, {
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        redirect: "manual",
        cache: "no-store",
      });
      if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) return location.replace(location.pathname);
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      misses = 0;
      if (trouble) trouble.hidden = true;
      if (told.mark !== run.dataset.mark) return location.replace(location.pathname);
      if (told.html && told.html !== run.dataset.shown) {
        run.dataset.shown = told.html;
        run.innerHTML = told.html;
      }
      if (said && said.textContent !== told.sentence) said.textContent = told.sentence;
    } catch {
      misses += 1;
      if (trouble && misses > 2) trouble.hidden = false;
    }
    setTimeout(look, Math.min(every * (1 + misses), 15000));
  }

  setTimeout(look, every);
})();
