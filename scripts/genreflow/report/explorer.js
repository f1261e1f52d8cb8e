"use strict";

const LEVELS = 24;
const MOST_NUMBERED = 16;

class Explorer {
  constructor(content) {
    this.content = content;
    this.cell = null;
    this.fill(byId("pick-split"), content.splits);
    this.fill(byId("pick-run"), content.splits[0].runs);
    byId("pick-split").addEventListener("change", () => this.pickSplit());
    byId("pick-run").addEventListener("change", () => this.show());
    byId("filter").addEventListener("input", () => this.filter());
    for (const input of document.querySelectorAll("input[name=cells]")) {
      input.addEventListener("change", () => this.show());
    }
    byId("explorer").hidden = false;
    this.show();
    let width = innerWidth;
    addEventListener("resize", () => {
      if (width !== innerWidth) this.drawMatrix();
      width = innerWidth;
    });
  }

  fill(select, entries) {
    select.replaceChildren(...entries.map(({ name }, at) => new Option(name, at)));
  }

  /** Change the split, and keep the run where the new split has it. */
  pickSplit() {
    const name = this.run.name;
    const runs = this.content.splits[byId("pick-split").value].runs;
    this.fill(byId("pick-run"), runs);
    byId("pick-run").value = Math.max(runs.findIndex((run) => run.name === name), 0);
    this.show();
  }

  show() {
    this.split = this.content.splits[byId("pick-split").value];
    this.run = this.split.runs[byId("pick-run").value];
    const size = this.split.classes.length;
    this.counts = new Map();
    this.totals = new Array(size).fill(0);
    for (let at = 0; at < this.run.cells.length; at += 2) {
      const [cell, count] = [this.run.cells[at], this.run.cells[at + 1]];
      this.counts.set(cell, { count, tracks: this.run.tracks[at / 2] });
      this.totals[Math.floor(cell / size)] += count;
    }
    const wrong = this.confusions();
    if (this.cell === null || this.cell >= size * size) this.cell = wrong[0]?.cell ?? 0;
    this.drawMatrix();
    this.listWorst(wrong);
    this.drawLabels();
  }

  share(cell) {
    const row = Math.floor(cell / this.split.classes.length);
    return (this.counts.get(cell)?.count ?? 0) / (this.totals[row] || 1);
  }

  // ------------------------------------------------------------ the matrix

  drawMatrix() {
    const { classes } = this.split;
    const size = classes.length;
    const holder = byId("matrix");
    const large = size > 40;
    holder.closest(".confusion").classList.toggle("large", size > 20 || innerWidth < 960);
    const room = holder.clientWidth;
    const font = large ? 8.5 : size > 20 ? 11 : 13;
    const longest = Math.max(...classes.map((name) => name.length));
    const margin = Math.min(longest * font * 0.58 + 12, large ? 100 : room * 0.32);
    const upright = margin > (room - margin) / size - 6;
    const top = upright ? margin : font + 14;
    const step = Math.max(Math.min((room - margin - 2) / size, 92), large ? 9 : 22);
    this.place = { margin, top, step };
    const side = step * size;
    const svg = shape("svg", {
      width: Math.ceil(margin + side + 2),
      height: Math.ceil(top + side + 2),
      role: "application",
      tabindex: "0",
      "aria-roledescription": "confusion matrix",
      "aria-label": `Confusion matrix of ${this.run.name} on split ${this.split.name}; arrow keys move from cell to cell`,
    });
    svg.append(shape("rect", { class: "frame", x: margin, y: top, width: side, height: side }));
    svg.append(...this.shades());
    if (size <= MOST_NUMBERED && step >= 26) svg.append(...this.cellNumbers());
    svg.append(...this.axisNames(font, upright));
    this.cursor = shape("rect", { class: "cursor", width: step, height: step });
    svg.append(this.cursor);
    this.listen(svg);
    holder.replaceChildren(svg);
    this.drawScale();
    this.point(this.cell);
  }

  get byShare() {
    return document.querySelector("input[name=cells]:checked").value === "share";
  }

  /** The value 1 of the colour scale. */
  get top() {
    return this.byShare ? 1 : Math.max(1, ...[...this.counts.values()].map(({ count }) => count));
  }

  strength(cell) {
    return this.byShare ? this.share(cell) : (this.counts.get(cell)?.count ?? 0) / this.top;
  }

  corner(cell) {
    const size = this.split.classes.length;
    const { margin, top, step } = this.place;
    return [margin + (cell % size) * step, top + Math.floor(cell / size) * step];
  }

  /** One path for all cells of one shade, so that 114 labels stay light. */
  shades() {
    const paths = new Array(LEVELS + 1).fill("");
    const inner = this.place.step - (this.place.step > 14 ? 1 : 0.25);
    for (const cell of this.counts.keys()) {
      const [x, y] = this.corner(cell);
      // The square root lets small shares be seen.
      const level = Math.ceil(Math.sqrt(Math.min(this.strength(cell), 1)) * LEVELS);
      paths[level] += `M${x.toFixed(2)} ${y.toFixed(2)}h${inner.toFixed(2)}v${inner.toFixed(2)}h-${inner.toFixed(2)}z`;
    }
    return paths.flatMap((d, level) => {
      const colour = `color-mix(in oklab, var(--seq-high) ${((100 * level) / LEVELS).toFixed(0)}%, var(--seq-low))`;
      return d ? [shape("path", { d, style: `fill:${colour}` })] : [];
    });
  }

  cellNumbers() {
    const { step } = this.place;
    const font = Math.min(13, step / 2.6);
    return [...this.counts.entries()].map(([cell, { count }]) => {
      const [x, y] = this.corner(cell);
      const ink = Math.sqrt(this.strength(cell)) > 0.58 ? "high" : "low";
      return shape(
        "text",
        {
          x: x + step / 2,
          y: y + step / 2 + font * 0.35,
          "text-anchor": "middle",
          style: `font-size:${font}px;fill:var(--seq-ink-${ink})`,
        },
        this.byShare ? (100 * this.share(cell)).toFixed(0) : String(count),
      );
    });
  }

  axisNames(font, upright) {
    const { margin, top, step } = this.place;
    const fits = (name, room) => {
      const most = Math.max(Math.floor((room - 10) / (font * 0.58)), 3);
      return name.length > most ? `${name.slice(0, most - 1)}…` : name;
    };
    const style = `font-size:${font}px`;
    this.rowNames = this.split.classes.map((name, at) => {
      const y = top + (at + 0.5) * step + font * 0.35;
      return shape("text", { x: margin - 6, y, "text-anchor": "end", style }, fits(name, margin));
    });
    this.columnNames = this.split.classes.map((name, at) => {
      const x = margin + (at + 0.5) * step;
      if (!upright) {
        return shape("text", { x, y: top - 6, "text-anchor": "middle", style }, fits(name, step + 10));
      }
      const place = `translate(${x + font * 0.35} ${top - 6}) rotate(-90)`;
      return shape("text", { transform: place, style }, fits(name, top));
    });
    return [...this.rowNames, ...this.columnNames];
  }

  drawScale() {
    const top = this.byShare ? percent(1) : String(this.top);
    byId("scale").replaceChildren(
      element("span", "0"),
      element("span", "", { class: "ramp" }),
      element("span", `${top} ${this.byShare ? "of the row (drawn by its square root)" : "tracks (drawn by the square root)"}`),
    );
  }

  listen(svg) {
    const size = this.split.classes.length;
    const under = (event) => {
      const box = svg.getBoundingClientRect();
      const { margin, top, step } = this.place;
      const column = Math.floor((event.clientX - box.left - margin) / step);
      const row = Math.floor((event.clientY - box.top - top) / step);
      return Math.min(row, column) >= 0 && Math.max(row, column) < size ? row * size + column : null;
    };
    const moved = (event) => {
      const cell = under(event);
      if (cell !== null && cell !== this.cell) this.point(cell);
    };
    svg.addEventListener("pointermove", moved);
    svg.addEventListener("pointerdown", moved);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      const clamp = (value) => Math.min(Math.max(value, 0), size - 1);
      const [row, column] = [Math.floor(this.cell / size), this.cell % size];
      this.point(clamp(row + step[0]) * size + clamp(column + step[1]));
      this.cursor.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  /** Mark a cell, and say what it holds. */
  point(cell) {
    this.cell = cell;
    const size = this.split.classes.length;
    for (const name of [...this.rowNames, ...this.columnNames]) name.classList.remove("on");
    const [row, column] = [Math.floor(cell / size), cell % size];
    const [x, y] = this.corner(cell);
    this.cursor.setAttribute("x", x);
    this.cursor.setAttribute("y", y);
    this.rowNames[row].classList.add("on");
    this.columnNames[column].classList.add("on");
    this.describe(row, column);
  }

  describe(row, column) {
    const { classes } = this.split;
    const { count, tracks } = this.counts.get(row * classes.length + column) ?? { count: 0, tracks: [] };
    const first = element("p");
    const right = row === column;
    first.append(element("b", classes[row]), right ? " recognised" : " taken for ");
    if (!right) first.append(element("b", classes[column]));
    const of = `${count} of ${this.totals[row]} test tracks, ${percent(this.share(row * classes.length + column))}`;
    const shown = [first, element("p", of)];
    if (tracks.length) {
      const list = element("ul");
      list.append(
        ...tracks.map((at) => {
          const item = element("li");
          item.append(element("bdi", this.content.names[at]));
          return item;
        }),
      );
      if (count > tracks.length) list.append(element("li", `and ${Math.round(count - tracks.length)} more`));
      shown.push(list);
    } else if (count && !this.content.most) {
      shown.push(element("p", "Names of tracks are left out of a report of this size; see tables/guesses.csv."));
    }
    byId("cell").replaceChildren(...shown);
  }

  /** The cells off the diagonal that are not empty, the largest first. */
  confusions() {
    const size = this.split.classes.length;
    const wrong = [...this.counts.entries()].map(([cell, { count }]) => ({ cell, count }));
    return wrong
      .filter(({ cell }) => Math.floor(cell / size) !== cell % size)
      .sort((a, b) => b.count - a.count || this.share(b.cell) - this.share(a.cell));
  }

  listWorst(wrong) {
    const { classes } = this.split;
    const items = wrong.slice(0, 8).map(({ cell, count }) => {
      const [row, column] = [Math.floor(cell / classes.length), cell % classes.length];
      const button = element("button", "", { type: "button" });
      button.append(element("bdi", classes[row]), " taken for ", element("bdi", classes[column]));
      button.append(element("span", ` ${count} of ${this.totals[row]}`, { class: "muted nowrap" }));
      button.addEventListener("click", () => this.point(cell));
      const item = element("li");
      item.append(button);
      return item;
    });
    byId("worst").replaceChildren(...(items.length ? items : [element("li", "none")]));
  }

  // ------------------------------------------------------------ figures per label

  drawLabels() {
    const head = element("tr");
    const titles = ["Label", "Test tracks", ...this.content.metrics.map(({ title }) => title)];
    for (const title of titles) {
      const cell = element("th", "", { scope: "col", "aria-sort": "none" });
      cell.append(element("button", title, { type: "button", "data-sort": "" }));
      head.append(cell);
    }
    head.cells[0].setAttribute("aria-sort", "ascending");
    const rows = this.split.classes.map((label, at) => this.labelRow(label, this.run.scores[at]));
    const [thead, tbody] = [element("thead"), element("tbody")];
    thead.append(head);
    tbody.append(...rows);
    byId("labels").replaceChildren(thead, tbody);
    byId("labels").parentElement.classList.toggle("tall", rows.length > 20);
    this.filter();
  }

  labelRow(label, [support, ...scores]) {
    const row = element("tr");
    const name = element("th", "", { scope: "row", class: "run", "data-key": label });
    name.append(element("bdi", label));
    row.append(name, element("td", support ?? "–", { "data-label": "Test tracks", "data-key": support ?? "" }));
    this.content.metrics.forEach(({ title, percent: inPercent }, at) => {
      const [value, low, high] = scores.slice(3 * at, 3 * at + 3);
      const write = (number) => (inPercent ? (100 * number).toFixed(1) : number.toFixed(3));
      const cell = element("td", "", { "data-label": title, "data-key": value ?? "" });
      if (value === null) {
        cell.textContent = "–";
      } else {
        cell.append(write(value) + (inPercent ? "\u202f%" : ""));
        if (low !== null && high !== null) {
          cell.append(" ", element("span", `[${write(low)}, ${write(high)}]`, { class: "range" }));
        }
        const bar = element("span", "", { class: "mini", "aria-hidden": "true" });
        bar.append(element("i", "", { style: `width:${(100 * value).toFixed(1)}%` }));
        cell.append(bar);
      }
      row.append(cell);
    });
    return row;
  }

  filter() {
    const wanted = byId("filter").value.trim().toLowerCase();
    for (const row of byId("labels").tBodies[0].rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  }
}
