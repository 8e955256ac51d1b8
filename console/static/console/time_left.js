/* Counts down to a moment that the page names, beside the words that the server wrote; asks for nothing. */
(() => {
  const two = (number) => String(number).padStart(2, "0");
  for (const shown of document.querySelectorAll("[data-left]")) {
    // The browser's clock may be wrong: what counts is how much was left when the page came.
    const end = performance.now() + Number(shown.dataset.left) * 1000;
    if (!Number.isFinite(end)) continue;
    const tick = () => {
      const left = Math.max(0, Math.round((end - performance.now()) / 1000));
      const days = Math.floor(left / 86400);
      const clock = `${two(Math.floor(left / 3600) % 24)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
      shown.textContent = `${days ? `${days} d ` : ""}${clock} left`;
      shown.hidden = false;
      if (left) setTimeout(tick, 1000);
    };
    tick();
  }
})();
