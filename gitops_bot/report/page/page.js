(() => {
  const filter = document.getElementById("filter");
  filter.hidden = false;
  filter.querySelector("input").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/);
    const show = (part) => [...document.querySelectorAll(`#${part} th[scope=row]`)].filter((head) => {
      const place = head.firstChild.nodeType === Node.TEXT_NODE ? filter.dataset.place : "";
      const text = (place + head.parentNode.textContent).toLowerCase();
      return !(head.parentNode.hidden = !words.every((word) => text.includes(word)));
    }).length;
    filter.querySelector("span").textContent = `images: ${show("matrix")}, needing attention: ${show("attention")}`;
    for (const group of document.querySelectorAll("#attention tbody")) {
      group.hidden = !group.querySelector("tr:not([hidden]) > td");
    }
    document.querySelector("details").open = target.value !== "";
  });
})();
