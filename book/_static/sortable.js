// Click (or Enter) on a column's head sorts a table of class "sortable": numbers as numbers, all else as text.
document.addEventListener("DOMContentLoaded", () => {
  const value = (row, i) => row.cells[i].textContent.trim().replace("−", "-");
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, i) => {
      const sort = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows];
        rows.sort((a, b) => {
          const [x, y] = [value(a, i), value(b, i)];
          const [m, n] = [parseFloat(x), parseFloat(y)];
          const order = isNaN(m) || isNaN(n) ? isNaN(n) - isNaN(m) || x.localeCompare(y) : m - n;
          return up ? order : -order;
        });
        body.append(...rows);
      };
      head.tabIndex = 0;
      head.title = "sort";
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
    });
  }
});
