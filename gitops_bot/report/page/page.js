(() => {
  const box = document.getElementById("filter"), status = document.getElementById("shown");
  const rows = [...document.querySelectorAll("#matrix tbody tr")];
  box.hidden = false;
  box.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    status.textContent = `${shown} of ${rows.length} images`;
  });
})();
