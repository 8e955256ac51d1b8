/* Counts down to a moment that the page names, beside the words that the server wrote; asks for nothing. */
(() => {
  const shown = document.querySelectorAll("[data-due]");
  if (!shown.length) return;
  const two = (number) => String(number).padStart(2, "0");

  function tick() {
    for (const one of shown) {
      const left = Math.max(0, Math.round((Date.parse(one.dataset.due) - Date.now()) / 1000));
      const days = Math.floor(left / 86400);
      const clock = `${two(Math.floor(left / 3600) % 24)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
      one.textContent = `${days ? `${days} d ` : ""}${clock} left`;
      one.hidden = false;
    }
    setTimeout(tick, 1000);
  }

  tick();
})();
