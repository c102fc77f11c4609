/** Arrow keys, Home and End move through the matrix, which is one stop of the Tab key. */
for (const table of document.querySelectorAll("[data-matrix]")) {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.querySelector("a")));
  const links = rows.flat().filter(Boolean);
  const become = (link) => {
    for (const other of links) other.tabIndex = other === link ? 0 : -1;
  };
  const at = (link) => {
    const row = rows.findIndex((cells) => cells.includes(link));
    return [row, rows[row].indexOf(link)];
  };
  const rtl = getComputedStyle(table).direction === "rtl";
  const steps = {
    ArrowDown: [1, 0], ArrowUp: [-1, 0],
    ArrowRight: [0, rtl ? -1 : 1], ArrowLeft: [0, rtl ? 1 : -1],
  };
  if (links.length) become(links[0]);
  table.addEventListener("focusin", (event) => links.includes(event.target) && become(event.target));
  table.addEventListener("keydown", (event) => {
    const link = event.target.closest("a");
    if (!links.includes(link) || event.altKey || event.ctrlKey || event.metaKey) return;
    let [row, column] = at(link);
    let next = null;
    if (event.key in steps) {
      const [down, along] = steps[event.key];
      do {
        row += down;
        column += along;
        next = rows[row]?.[column];
      } while (next === null);
    } else if (event.key === "Home") next = rows[row].find(Boolean);
    else if (event.key === "End") next = rows[row].findLast(Boolean);
    else return;
    event.preventDefault();
    next?.focus();
  });
}
