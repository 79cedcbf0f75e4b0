"use strict";
// Leaves only the cases that are looked for; without it all of them are shown.
const words = document.querySelector("#words"), kind = document.querySelector("#kind"),
  check = document.querySelector("#check"), count = document.querySelector("#count"),
  cases = [...document.querySelectorAll("details.case")];
function look() {
  const wanted = words.value.toLowerCase();
  let shown = 0;
  for (const each of cases) {
    const has = (!wanted || each.textContent.toLowerCase().includes(wanted)) &&
      (!kind.value || each.dataset.kind === kind.value) &&
      (!check.value || each.dataset.checks.split(" ").includes(check.value));
    each.hidden = !has;
    shown += has;
  }
  count.textContent = `${shown} of ${cases.length}`;
}
for (const each of [words, kind, check]) each.addEventListener("input", look);
for (const table of document.querySelectorAll("table.sortable"))
  table.querySelectorAll("th").forEach((head, column) => {
    const button = head.querySelector("button");
    if (button) button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
      const order = (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      const rows = [...table.tBodies[0].rows].sort(order);
      table.tBodies[0].append(...(down ? rows.reverse() : rows));
    });
  });
look();
