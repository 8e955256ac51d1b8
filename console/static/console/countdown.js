/* Lets the time that is left run down on the page; without it the page says how much there was when it was loaded. */
(() => {
  for (const shown of document.querySelectorAll("[data-until]")) {
    const until = Date.parse(shown.dataset.until);
    // The browser's clock may be wrong: what counts is how much was left when the page came.
    const [minutes, seconds] = (shown.textContent.match(/(\d+):(\d\d)/) || []).slice(1).map(Number);
    const end = Number.isFinite(minutes) ? performance.now() + (minutes * 60 + seconds) * 1000 : NaN;
    if (!Number.isFinite(until) || !Number.isFinite(end)) continue;
    const tick = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      shown.textContent = left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left` : "the time is over";
      if (left) setTimeout(tick, 1000);
    };
    tick();
  }
})();
