"use strict";
const find = document.getElementById("find");
const words = document.getElementById("words");
const openAll = document.getElementById("open-all");
const body = document.querySelector("tbody");
const chips = [...document.querySelectorAll(".chip")];
const cards = [...document.querySelectorAll(".card")];
const rows = [...body.rows].map((element, place) => ({
  element, place, status: element.dataset.status, groups: element.dataset.groups.split(" ").filter(Boolean).map(Number),
  cells: [...element.cells].slice(0, 5).map((cell) => cell.textContent),
}));

// What is searched is read from the page when it is first wanted, and each output once for all its hosts.
const textOf = (holder, element) => (holder.text ??= element.textContent.toLowerCase());
const cardTexts = cards.map(() => ({}));

function isWanted(row, wanted, statuses) {
  if (statuses.size && !statuses.has(row.status)) return false;
  return wanted.every((word) => textOf(row, row.element).includes(word) ||
    row.groups.some((group) => textOf(cardTexts[group - 1], cards[group - 1]).includes(word)));
}

function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const statuses = new Set(chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.dataset.status));
  const groups = new Set();
  let shown = 0;
  for (const row of rows) {
    row.element.hidden = !isWanted(row, wanted, statuses);
    if (!row.element.hidden) {
      shown += 1;
      for (const group of row.groups) groups.add(group);
    }
  }
  cards.forEach((card, n) => { card.hidden = !groups.has(n + 1); });
  document.getElementById("nothing").hidden = shown > 0;
  const count = rows.length.toLocaleString("en");
  document.getElementById("shown").textContent =
    shown === rows.length ? `${count} hosts` : `${shown.toLocaleString("en")} of ${count} hosts`;
}

const numbers = (column) => (one, other) => {
  const [a, b] = [one, other].map((row) => (row.cells[column] === "" ? -Infinity : Number(row.cells[column])));
  return a === b ? 0 : a - b;
};
const names = (column) => (one, other) =>
  one.cells[column].localeCompare(other.cells[column], "en", { numeric: true });
const orders = { name: names(0), status: names(1), exit: numbers(2), seconds: numbers(3), tries: numbers(4) };

// Ascending, descending, and back to the order of the run.
function sort(heading, by) {
  const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.ariaSort];
  for (const other of heading.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  heading.ariaSort = next;
  const sign = next === "descending" ? -1 : 1;
  const sorted = [...rows].sort((a, b) => (next === "none" ? 0 : sign * orders[by](a, b)) || a.place - b.place);
  body.append(...sorted.map((row) => row.element));
}

function openNamed() {
  const card = document.getElementById(location.hash.slice(1));
  if (card && cards.includes(card)) {
    card.open = true;
    card.scrollIntoView();
    requestAnimationFrame(() => card.scrollIntoView());  // what it passed has got its real height only now
    card.querySelector("summary").focus({ preventScroll: true });
  }
}

function setAll(open) {
  for (const card of cards) if (!card.hidden) card.open = open;
}

let due = 0;
words.addEventListener("input", () => {
  clearTimeout(due);
  due = setTimeout(filter, rows.length > 500 ? 120 : 0);
});
find.addEventListener("submit", (event) => event.preventDefault());
for (const chip of chips) chip.addEventListener("click", () => {
  chip.ariaPressed = String(chip.ariaPressed !== "true");
  filter();
});
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => sort(button.parentElement, button.dataset.sort));
}
// A click on a host whose output is named in the address already changes no address.
body.addEventListener("click", (event) => {
  if (event.target.closest("a")?.hash === location.hash) openNamed();
});
addEventListener("hashchange", openNamed);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== words) {
    event.preventDefault();
    words.focus();
  } else if (event.key === "Escape" && document.activeElement === words) {
    words.value = "";
    filter();
  }
});
openAll?.addEventListener("click", () => {
  setAll(openAll.textContent === "Open all");
  openAll.textContent = openAll.textContent === "Open all" ? "Close all" : "Open all";
});
let closed = [];
addEventListener("beforeprint", () => {
  closed = cards.filter((card) => !card.open && !card.hidden);
  for (const card of closed) card.open = true;
});
addEventListener("afterprint", () => { for (const card of closed) card.open = false; });
find.hidden = false;
if (openAll) openAll.hidden = cards.length < 2;
filter();
openNamed();
