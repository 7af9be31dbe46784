// Tips on charts: by the pointer, or with the arrow keys once a chart has the focus.
(() => {
  const tip = document.getElementById("tip");
  let shown = null;

  const hide = () => {
    shown?.classList.remove("on");
    shown = null;
    tip.hidden = true;
  };
  const show = (hit, x, y) => {
    if (shown !== hit) {
      hide();
      shown = hit;
      hit.classList.add("on");
      tip.textContent = hit.dataset.tip;
      tip.hidden = false;
    }
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 4))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? y - height - 12 : y + 18}px`;
  };
  const walk = (chart, event) => {
    const hits = [...chart.querySelectorAll(".hit")];
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || !hits.length) return;
    event.preventDefault();
    const at = hits.indexOf(shown);
    const hit = hits[at < 0 ? (step > 0 ? 0 : hits.length - 1) : (at + step + hits.length) % hits.length];
    const box = hit.getBoundingClientRect();
    show(hit, box.left + box.width / 2, box.top + box.height / 2);
  };

  for (const chart of document.querySelectorAll(".chart")) {
    chart.addEventListener("pointermove", (event) => {
      const hit = event.target.closest(".hit");
      if (hit) show(hit, event.clientX, event.clientY);
      else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("keydown", (event) => walk(chart, event));
    chart.addEventListener("blur", hide);
  }
  addEventListener("scroll", hide, { passive: true });

  for (const chooser of document.querySelectorAll(".chooser")) {
    const figures = chooser.closest(".choice").querySelectorAll("figure");
    const choose = () => figures.forEach((figure, number) => { figure.hidden = number !== chooser.selectedIndex; });
    chooser.addEventListener("change", choose);
    choose(); // A browser that goes back restores the menu, not the page.
  }
})();
