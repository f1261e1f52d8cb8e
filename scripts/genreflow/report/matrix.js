const LEVELS = 24;
const NUMBERED = 24;
const READABLE = 7;
const LARGEST = 44;
const ZOOM = 1.4;

/**
 * A confusion matrix of any size: it fits its holder, grows by + and -, and can be dragged then.
 * Its names stay in sight. Cells are numbered row * labels + column by the labels' places in
 * `classes`, in whatever order they are drawn.
 */
class Matrix {
  constructor(holder, pointed) {
    this.holder = holder;
    this.pointed = pointed;
    this.zoom = 1;
    this.tip = element("div", "", { class: "tip", hidden: "" });
    holder.parentElement.append(this.tip);
    this.startDragging();
    holder.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.resize(this.zoom * (event.deltaY < 0 ? ZOOM : 1 / ZOOM));
    }, { passive: false });
  }

  /** Draw cells: `counts` by cell, `order` the labels' places from first to last. */
  draw({ classes, order, counts, totals, byShare, title }) {
    const size = classes.length;
    Object.assign(this, { classes, order, counts, totals, byShare, size, title });
    this.placeOf = new Array(size);
    order.forEach((label, at) => { this.placeOf[label] = at; });
    this.redraw();
  }

  redraw() {
    const { size, holder } = this;
    const room = holder.parentElement.clientWidth;
    const longest = Math.max(...this.classes.map((name) => name.length));
    const margin = (font) => Math.min(longest * font * 0.58 + 12, Math.max(room * 0.3, 70));
    const fitted = (font) => Math.min((room - margin(font) - 2) / size, size > 20 ? LARGEST : 64);
    // Names as large as their row, and rows as high as such names leave them room.
    const fit = fitted(Math.min(Math.max(fitted(13) * 0.92, 8), 13));
    this.zoom = Math.min(Math.max(this.zoom, 1), Math.max(LARGEST / fit, 1));
    this.step = fit * this.zoom;
    this.font = this.step < READABLE ? 11 : Math.min(this.step * 0.92, 13);
    this.left = Math.ceil(Math.min(margin(this.font), room - fit * size - 2));
    this.upright = this.left > this.step + 6;
    this.top = this.upright ? this.left : this.font + 14;

    const side = Math.ceil(this.step * size + 2);
    this.cells = this.drawCells(side);
    const rows = shape("svg", { class: "rows", width: this.left, height: side });
    const columns = shape("svg", { class: "columns", width: side, height: this.top });
    this.rowNames = this.order.map((label, at) => this.rowName(label, at));
    this.columnNames = this.order.map((label, at) => this.columnName(label, at));
    rows.append(...this.rowNames);
    columns.append(...this.columnNames);
    for (const names of [rows, columns]) {
      names.classList.toggle("sparse", this.step < READABLE);
      names.setAttribute("aria-hidden", "true");
    }
    holder.style.gridTemplateColumns = `${this.left}px ${side}px`;
    holder.classList.toggle("zoomed", this.zoom > 1);
    holder.replaceChildren(element("div", "", { class: "corner" }), columns, rows, this.cells);
    this.mark(this.cell ?? 0);
  }

  /** Another size, around the middle of what is seen. */
  resize(zoom) {
    const { holder } = this;
    const middle = (scroll, seen, whole) => (scroll + seen / 2) / whole;
    const x = middle(holder.scrollLeft, holder.clientWidth, holder.scrollWidth);
    const y = middle(holder.scrollTop, holder.clientHeight, holder.scrollHeight);
    this.zoom = zoom;
    this.redraw();
    holder.scrollLeft = x * holder.scrollWidth - holder.clientWidth / 2;
    holder.scrollTop = y * holder.scrollHeight - holder.clientHeight / 2;
  }

  drawCells(side) {
    const svg = shape("svg", {
      class: "cells",
      width: side,
      height: side,
      role: "application",
      tabindex: "0",
      "aria-roledescription": "confusion matrix",
      "aria-label": `${this.title}; arrow keys move from cell to cell`,
    });
    const all = this.step * this.size;
    svg.append(shape("rect", { class: "frame", width: all, height: all }));
    this.bands = [
      shape("rect", { class: "band", width: all, height: this.step }),
      shape("rect", { class: "band", width: this.step, height: all }),
    ];
    svg.append(...this.shades());
    if (this.step >= NUMBERED) svg.append(...this.numbers());
    this.cursor = shape("rect", { class: "cursor", width: this.step, height: this.step });
    // Where names are small and far, the row and the column show the way to them.
    if (this.step < NUMBERED) svg.append(...this.bands);
    svg.append(this.cursor);
    this.listen(svg);
    return svg;
  }

  share(cell) {
    return (this.counts.get(cell)?.count ?? 0) / (this.totals[Math.floor(cell / this.size)] || 1);
  }

  /** The value of the strongest colour. */
  get most() {
    return this.byShare ? 1 : Math.max(1, ...[...this.counts.values()].map(({ count }) => count));
  }

  corner(cell) {
    const [row, column] = [Math.floor(cell / this.size), cell % this.size];
    return [this.placeOf[column] * this.step, this.placeOf[row] * this.step];
  }

  /** How strongly each cell is coloured, 0..1: the square root lets small shares be seen. */
  strengths() {
    const { most } = this;
    return [...this.counts].map(([cell, { count }]) => {
      const value = this.byShare ? this.share(cell) : count / most;
      return [cell, Math.sqrt(Math.min(value, 1))];
    });
  }

  /** One path for all cells of one shade, so that 114 labels stay light. */
  shades() {
    const paths = new Array(LEVELS + 1).fill("");
    const inner = (this.step - (this.step > 14 ? 1 : this.step > 4 ? 0.25 : 0)).toFixed(2);
    for (const [cell, strength] of this.strengths()) {
      const [x, y] = this.corner(cell);
      paths[Math.ceil(strength * LEVELS)] += `M${x.toFixed(2)} ${y.toFixed(2)}h${inner}v${inner}h-${inner}z`;
    }
    return paths.flatMap((d, level) => {
      const colour = `color-mix(in oklab, var(--seq-high) ${((100 * level) / LEVELS).toFixed(0)}%, var(--seq-low))`;
      return d ? [shape("path", { d, style: `fill:${colour}` })] : [];
    });
  }

  numbers() {
    const font = Math.min(13, this.step / 2.6);
    return this.strengths().map(([cell, strength]) => {
      const [x, y] = this.corner(cell);
      const place = { x: x + this.step / 2, y: y + this.step / 2 + font * 0.35 };
      const ink = strength > 0.58 ? "high" : "low";
      const text = this.byShare ? (100 * this.share(cell)).toFixed(0) : String(this.counts.get(cell).count);
      return shape("text", { ...place, class: ink, style: `font-size:${font}px` }, text);
    });
  }

  cut(name, room) {
    const most = Math.max(Math.floor((room - 10) / (this.font * 0.58)), 3);
    return name.length > most ? `${name.slice(0, most - 1)}…` : name;
  }

  rowName(label, at) {
    const y = (at + 0.5) * this.step + this.font * 0.35;
    const style = `font-size:${this.font}px`;
    return shape("text", { x: this.left - 6, y, class: "end", style }, this.cut(this.classes[label], this.left));
  }

  columnName(label, at) {
    const x = (at + 0.5) * this.step;
    const style = `font-size:${this.font}px`;
    const name = this.classes[label];
    if (!this.upright) {
      return shape("text", { x, y: this.top - 6, class: "middle", style }, this.cut(name, this.step + 10));
    }
    const transform = `translate(${x + this.font * 0.35} ${this.top - 6}) rotate(-90)`;
    return shape("text", { transform, style }, this.cut(name, this.top));
  }

  // ------------------------------------------------------------ pointing

  listen(svg) {
    const under = (event) => {
      const box = svg.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.left) / this.step);
      const row = Math.floor((event.clientY - box.top) / this.step);
      const inside = Math.min(row, column) >= 0 && Math.max(row, column) < this.size;
      return inside ? this.order[row] * this.size + this.order[column] : null;
    };
    const moved = (event) => {
      const cell = under(event);
      if (cell === null || this.dragged) return this.hideTip();
      if (cell !== this.cell) this.point(cell);
      this.showTip(event);
    };
    svg.addEventListener("pointermove", moved);
    svg.addEventListener("pointerdown", moved);
    svg.addEventListener("pointerleave", () => this.hideTip());
    svg.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    const zooms = { "+": this.zoom * ZOOM, "=": this.zoom * ZOOM, "-": this.zoom / ZOOM, 0: 1 };
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.ctrlKey || event.metaKey || (!step && !(event.key in zooms))) return;
    event.preventDefault();
    if (step) {
      const clamp = (value) => Math.min(Math.max(value, 0), this.size - 1);
      const row = clamp(this.placeOf[Math.floor(this.cell / this.size)] + step[0]);
      const column = clamp(this.placeOf[this.cell % this.size] + step[1]);
      this.point(this.order[row] * this.size + this.order[column]);
    } else {
      this.resize(zooms[event.key]);
      this.cells.focus();
    }
    this.cursor.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  point(cell) {
    this.mark(cell);
    this.pointed(cell);
  }

  /** Draw the cursor on a cell, and light its names. */
  mark(cell) {
    this.cell = cell;
    for (const name of [...this.rowNames, ...this.columnNames]) name.classList.remove("on");
    const [x, y] = this.corner(cell);
    this.cursor.setAttribute("x", x);
    this.cursor.setAttribute("y", y);
    this.bands[0].setAttribute("y", y);
    this.bands[1].setAttribute("x", x);
    this.rowNames[this.placeOf[Math.floor(cell / this.size)]].classList.add("on");
    this.columnNames[this.placeOf[cell % this.size]].classList.add("on");
  }

  /** Bring a cell into sight, as far as the matrix is larger than its holder. */
  reveal(cell) {
    const [x, y] = this.corner(cell);
    this.holder.scrollTo(x - this.holder.clientWidth / 2, y - this.holder.clientHeight / 2);
  }

  showTip(event) {
    const [row, column] = [Math.floor(this.cell / this.size), this.cell % this.size];
    const count = this.counts.get(this.cell)?.count ?? 0;
    this.tip.replaceChildren(
      element("bdi", this.classes[row]),
      row === column ? " recognised" : " taken for ",
      ...(row === column ? [] : [element("bdi", this.classes[column])]),
      element("span", `${count} of ${this.totals[row]}, ${percent(this.share(this.cell))}`),
    );
    this.tip.hidden = event.pointerType === "touch";
    const frame = this.tip.offsetParent.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const over = x + 14 + this.tip.offsetWidth > frame.width;
    this.tip.style.left = `${Math.max(over ? x - 14 - this.tip.offsetWidth : x + 14, 0)}px`;
    this.tip.style.top = `${y + 16}px`;
  }

  hideTip() {
    this.tip.hidden = true;
  }

  /** A mouse drags what is larger than its holder; fingers scroll it by themselves. */
  startDragging() {
    let start = null;
    const { holder } = this;
    holder.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button || this.zoom === 1) return;
      start = [event.clientX + holder.scrollLeft, event.clientY + holder.scrollTop];
    });
    addEventListener("pointermove", (event) => {
      if (!start) return;
      const [left, top] = [start[0] - event.clientX, start[1] - event.clientY];
      const far = Math.abs(left - holder.scrollLeft) + Math.abs(top - holder.scrollTop) > 4;
      this.dragged ||= far;
      if (!this.dragged) return;
      holder.classList.add("dragged");
      holder.scrollTo(left, top);
    });
    addEventListener("pointerup", () => {
      start = null;
      this.dragged = false;
      holder.classList.remove("dragged");
    });
  }
}
