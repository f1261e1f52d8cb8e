"use strict";

const byId = (id) => document.getElementById(id);

/** An HTML element with text; names of tracks and labels only ever come in as text. */
function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** An SVG element. */
function shape(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)}\u202f%`;

// ---------------------------------------------------------------- light and dark

function startTheme() {
  const root = document.documentElement;
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const current = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const label = () => {
    button.textContent = other() === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Change to ${other()} colours`);
  };
  // A file opened from disk may have no storage: the choice then holds for this page only.
  try {
    const stored = localStorage.getItem("genreflow-theme");
    if (stored) root.dataset.theme = stored;
  } catch {}
  button.addEventListener("click", () => {
    root.dataset.theme = other();
    label();
    try {
      localStorage.setItem("genreflow-theme", root.dataset.theme);
    } catch {}
  });
  dark.addEventListener("change", label);
  label();
  button.hidden = false;
}

/** Paper shows what the screen folds away. */
function startPrinting() {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });
}

// ---------------------------------------------------------------- sorting

/** Order of two cells by their data-key: numbers as numbers, unknown ones last. */
function compare(a, b, sign) {
  if (a === b) return 0;
  if (a === "") return 1;
  if (b === "") return -1;
  const difference = Number(a) - Number(b);
  if (Number.isNaN(difference)) return sign * a.localeCompare(b, undefined, { numeric: true });
  return sign * difference;
}

function sortBy(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const column = header.cellIndex;
  const key = (row) => row.cells[column].dataset.key ?? "";
  const rows = [...body.rows];
  const words = rows.some((row) => Number.isNaN(Number(key(row))));
  const current = header.getAttribute("aria-sort");
  const rising = current === "none" ? words : current === "descending";
  for (const other of header.parentElement.cells) {
    if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
  }
  header.setAttribute("aria-sort", rising ? "ascending" : "descending");
  rows.sort((a, b) => compare(key(a), key(b), rising ? 1 : -1));
  body.append(...rows);
}

function startSorting() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-sort]");
    if (button) sortBy(button.closest("th"));
  });
}

// ---------------------------------------------------------------- filtering

/** Hide the rows of a table whose first cell does not hold what is typed. */
function startFilter(input, table) {
  const filter = () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of table.tBodies[0]?.rows ?? []) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  };
  input.addEventListener("input", filter);
  return filter;
}
