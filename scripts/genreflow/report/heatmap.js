/** A heat map that says what stands under the pointer, or where the arrow keys lead. */
class HeatMap {
  constructor(svg) {
    const { left, top, wide, high, values } = svg.dataset;
    [this.left, this.top, this.wide, this.high] = [left, top, wide, high].map(Number);
    this.values = values.split(" ");
    this.svg = svg;
    this.said = svg.closest(".heat").querySelector(".said");
    this.rows = [...svg.querySelectorAll(".names text")];
    this.columns = [...svg.querySelectorAll(".upright text")];
    this.at = [0, 0];
    this.cursor = shape("rect", { class: "cursor", width: this.wide, height: this.high });
    const moved = (event) => {
      const box = svg.getBoundingClientRect();
      const row = Math.floor((event.clientY - box.top - this.top) / this.high);
      const column = Math.floor((event.clientX - box.left - this.left) / this.wide);
      if (this.rows[row] && this.columns[column]) this.point(row, column);
    };
    svg.addEventListener("pointermove", moved);
    svg.addEventListener("pointerdown", moved);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [row, column] = [this.at[0] + step[0], this.at[1] + step[1]];
      if (this.rows[row] && this.columns[column]) this.point(row, column);
    });
  }

  point(row, column) {
    for (const name of [this.rows[this.at[0]], this.columns[this.at[1]]]) name.classList.remove("on");
    this.at = [row, column];
    for (const name of [this.rows[row], this.columns[column]]) name.classList.add("on");
    this.cursor.setAttribute("x", this.left + column * this.wide);
    this.cursor.setAttribute("y", this.top + row * this.high);
    this.svg.append(this.cursor);
    const value = this.values[row * this.columns.length + column].replace("-", "−");
    const { before, after } = this.svg.dataset;
    this.said.replaceChildren(
      element("bdi", this.rows[row].dataset.name),
      " × ",
      element("bdi", this.columns[column].dataset.name),
      `: ${before}${value}${after}`,
    );
  }
}

for (const svg of document.querySelectorAll(".heat svg")) new HeatMap(svg);
