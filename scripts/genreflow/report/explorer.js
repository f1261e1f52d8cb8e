const WORST = 12;

/** The part of the page about one run on one split. */
class Explorer {
  constructor(content) {
    this.content = content;
    this.matrix = new Matrix(byId("matrix"), (cell) => this.describe(cell));
    this.fill(byId("pick-split"), content.splits);
    this.fill(byId("pick-run"), content.splits[0].runs);
    byId("pick-split").addEventListener("change", () => this.pickSplit());
    byId("pick-run").addEventListener("change", () => this.show());
    this.filters = [
      startFilter(byId("filter"), byId("labels")),
      startFilter(byId("filter-counts"), byId("counts")),
    ];
    for (const input of document.querySelectorAll("input[name=cells], input[name=order]")) {
      input.addEventListener("change", () => this.drawMatrix());
    }
    byId("zoom-in").addEventListener("click", () => this.matrix.resize(this.matrix.zoom * ZOOM));
    byId("zoom-out").addEventListener("click", () => this.matrix.resize(this.matrix.zoom / ZOOM));
    byId("zoom-fit").addEventListener("click", () => this.matrix.resize(1));
    byId("explorer").hidden = false;
    this.show();
    let width = innerWidth;
    addEventListener("resize", () => {
      if (width !== innerWidth && this.oneLabel) this.matrix.redraw();
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
    this.matrix.zoom = 1;
    this.matrix.cell = undefined;
    this.show();
  }

  show() {
    this.split = this.content.splits[byId("pick-split").value];
    this.run = this.split.runs[byId("pick-run").value];
    this.oneLabel = this.split.task === "single_label";
    byId("one-label").hidden = !this.oneLabel;
    byId("several-labels").hidden = this.oneLabel;
    if (this.oneLabel) this.showMatrix();
    else this.showCounts();
    this.drawLabels();
    for (const filter of this.filters) filter();
  }

  // ------------------------------------------------------------ one label for each track

  showMatrix() {
    const size = this.split.classes.length;
    this.counts = new Map();
    this.totals = new Array(size).fill(0);
    let cell = 0;
    for (let at = 0; at < this.run.cells.length; at += 2) {
      cell += this.run.cells[at];
      const count = this.run.cells[at + 1];
      this.counts.set(cell, { count, tracks: this.run.tracks[at / 2] });
      this.totals[Math.floor(cell / size)] += count;
    }
    const wrong = this.confusions();
    this.matrix.cell ??= wrong[0]?.cell ?? 0;
    this.drawMatrix();
    this.listWorst(wrong);
  }

  drawMatrix() {
    const checked = (name) => document.querySelector(`input[name=${name}]:checked`).value;
    const { classes, order, name } = this.split;
    // Beside a large matrix there is no room.
    byId("matrix").closest(".confusion").classList.toggle("large", classes.length > 24);
    this.matrix.draw({
      classes,
      order: checked("order") === "similar" ? order : classes.map((_, at) => at),
      counts: this.counts,
      totals: this.totals,
      byShare: checked("cells") === "share",
      title: `Confusion matrix of ${this.run.name} on split ${name}`,
    });
    this.describe(this.matrix.cell);
    const of = this.matrix.byShare ? "of the row" : "tracks";
    const most = this.matrix.byShare ? percent(1) : String(this.matrix.most);
    byId("scale").replaceChildren(
      element("span", "0"),
      element("span", "", { class: "ramp" }),
      element("span", `${most} ${of} (drawn by the square root)`),
    );
  }

  /** Say what a cell holds. */
  describe(cell) {
    const { classes } = this.split;
    const [row, column] = [Math.floor(cell / classes.length), cell % classes.length];
    const { count, tracks } = this.counts.get(cell) ?? { count: 0, tracks: [] };
    const first = element("p");
    const right = row === column;
    first.append(element("b", classes[row]), right ? " recognised" : " taken for ");
    if (!right) first.append(element("b", classes[column]));
    const of = `${count} of ${this.totals[row]} test tracks, ${percent(this.matrix.share(cell))}`;
    const shown = [first, element("p", of)];
    if (tracks.length) {
      const list = element("ul");
      list.append(...this.named(tracks));
      if (count > tracks.length) list.append(element("li", `and ${Math.round(count - tracks.length)} more`));
      shown.push(list);
    } else if (count) {
      shown.push(element("p", "Which tracks they are stands in tables/guesses.csv.", { class: "muted" }));
    }
    byId("cell").replaceChildren(...shown);
  }

  named(tracks) {
    return tracks.map((at) => {
      const item = element("li");
      item.append(element("bdi", this.content.names[at]));
      return item;
    });
  }

  /** The cells off the diagonal that are not empty, the largest first. */
  confusions() {
    const size = this.split.classes.length;
    const share = ({ cell, count }) => count / this.totals[Math.floor(cell / size)];
    return [...this.counts]
      .map(([cell, { count }]) => ({ cell, count }))
      .filter(({ cell }) => Math.floor(cell / size) !== cell % size)
      .sort((a, b) => b.count - a.count || share(b) - share(a));
  }

  listWorst(wrong) {
    const { classes } = this.split;
    const items = wrong.slice(0, WORST).map(({ cell, count }) => {
      const [row, column] = [Math.floor(cell / classes.length), cell % classes.length];
      const button = element("button", "", { type: "button" });
      button.append(element("bdi", classes[row]), " taken for ", element("bdi", classes[column]));
      button.append(element("span", ` ${count} of ${this.totals[row]}`, { class: "muted nowrap" }));
      button.addEventListener("click", () => {
        this.matrix.point(cell);
        this.matrix.reveal(cell);
      });
      const item = element("li");
      item.append(button);
      return item;
    });
    byId("worst").replaceChildren(...(items.length ? items : [element("li", "none")]));
  }

  // ------------------------------------------------------------ several labels for each track

  showCounts() {
    const { counts, right, tested } = this.run;
    byId("exact").textContent = `Exactly right: ${right.toLocaleString("en")} of ${tested.toLocaleString("en")} test tracks, ${percent(right / (tested || 1))}.`;
    // Right and missed to one side, wrong to the other, on one scale for all labels.
    const most = (pick) => Math.max(1, ...counts.map(pick));
    const scale = { own: most(([tp, , fn]) => tp + fn), wrong: most(([, fp]) => fp) };
    const rows = this.split.classes.map((label, at) => this.countRow(label, counts[at], scale));
    const titles = ["Label", "Given rightly", "Missed", "Given wrongly", "Rightly not given", null];
    this.fillTable(byId("counts"), titles, rows);

    const sets = this.run.sets.map(([truth, guess, count, tracks]) => {
      const row = element("tr");
      const name = element("th", "", { scope: "row" });
      name.append(element("bdi", truth ?? "no label"));
      const guessed = element("td", "", { class: "text", "data-label": "Guessed" });
      guessed.append(element("bdi", guess ?? "no label"));
      const examples = element("td", "", { class: "text", "data-label": "Tracks" });
      examples.append(...tracks.slice(0, 3).flatMap((at, i) => [i ? "; " : "", element("bdi", this.content.names[at])]));
      row.append(name, guessed, element("td", count, { "data-label": "Times" }), examples);
      return row;
    });
    const head = element("tr");
    for (const [title, kind] of [["True labels", "text"], ["Guessed", "text"], ["Times", ""], ["Tracks", "text"]]) {
      head.append(element("th", title, { scope: "col", class: kind }));
    }
    const [thead, tbody] = [element("thead"), element("tbody")];
    thead.append(head);
    tbody.append(...sets);
    byId("sets").replaceChildren(thead, tbody);
  }

  countRow(label, [tp, fp, fn, tn], scale) {
    const row = element("tr");
    row.append(this.nameCell(label));
    const titles = ["Given rightly", "Missed", "Given wrongly", "Rightly not given"];
    [tp, fn, fp, tn].forEach((number, at) => {
      row.append(element("td", number.toLocaleString("en"), { "data-label": titles[at], "data-key": number }));
    });
    const bars = element("td", "", { class: "counts", "aria-hidden": "true" });
    const all = scale.own + scale.wrong;
    const bar = (kind, number) => element("i", "", { class: kind, style: `width:${((100 * number) / all).toFixed(2)}%` });
    bars.append(
      element("i", "", { style: `width:${((100 * (scale.wrong - fp)) / all).toFixed(2)}%` }),
      bar("wrong", fp), bar("right", tp), bar("missed", fn),
    );
    row.append(bars);
    return row;
  }

  // ------------------------------------------------------------ figures per label

  nameCell(label) {
    const name = element("th", "", { scope: "row", class: "run", "data-key": label });
    name.append(element("bdi", label));
    return name;
  }

  /** Fill a table that can be sorted by each column that has a title. */
  fillTable(table, titles, rows) {
    const head = element("tr");
    for (const title of titles) {
      const cell = element("th", "", title ? { scope: "col", "aria-sort": "none" } : { class: "plot" });
      if (title) cell.append(element("button", title, { type: "button", "data-sort": "" }));
      head.append(cell);
    }
    head.cells[0].setAttribute("aria-sort", "ascending");
    const [thead, tbody] = [element("thead"), element("tbody")];
    thead.append(head);
    tbody.append(...rows);
    table.replaceChildren(thead, tbody);
    table.parentElement.classList.toggle("tall", rows.length > 20);
  }

  drawLabels() {
    const metrics = this.content.metrics[this.split.task];
    const titles = ["Label", "Test tracks", ...metrics.map(({ title }) => title)];
    if (this.oneLabel) titles.push("Most taken for");
    const taken = this.oneLabel ? this.takenFor() : [];
    const rows = this.split.classes.map((label, at) => {
      const row = this.labelRow(label, this.run.scores[at], metrics);
      if (this.oneLabel) row.append(this.takenCell(taken[at], this.totals[at]));
      return row;
    });
    this.fillTable(byId("labels"), titles, rows);
  }

  /** For each label, the one that it is wrongly taken for most. */
  takenFor() {
    const size = this.split.classes.length;
    const taken = new Array(size).fill(null);
    for (const { cell, count } of this.confusions()) {
      taken[Math.floor(cell / size)] ??= { label: this.split.classes[cell % size], count };
    }
    return taken;
  }

  takenCell(taken, total) {
    const key = taken ? taken.count / total : "";
    const cell = element("td", taken ? "" : "–", { "data-label": "Most taken for", "data-key": key });
    if (taken) cell.append(element("bdi", taken.label), element("span", ` ${percent(key)}`, { class: "range" }));
    return cell;
  }

  /** One label: thousandths of value, low and high of each metric. */
  labelRow(label, [support, ...scores], metrics) {
    const row = element("tr");
    row.append(this.nameCell(label));
    row.append(element("td", support ?? "–", { "data-label": "Test tracks", "data-key": support ?? "" }));
    metrics.forEach(({ title, percent: inPercent }, at) => {
      const [value, low, high] = scores.slice(3 * at, 3 * at + 3);
      const write = (number) => (inPercent ? (number / 10).toFixed(1) : (number / 1000).toFixed(3));
      const cell = element("td", "", { "data-label": title, "data-key": value ?? "" });
      if (value === null) {
        cell.textContent = "–";
      } else {
        cell.append(write(value) + (inPercent ? "\u202f%" : ""));
        if (low !== null && high !== null) {
          cell.append(" ", element("span", `[${write(low)}, ${write(high)}]`, { class: "range" }));
        }
        if (inPercent) {
          const bar = element("span", "", { class: "mini", "aria-hidden": "true" });
          bar.append(element("i", "", { style: `width:${(value / 10).toFixed(1)}%` }));
          cell.append(bar);
        }
      }
      row.append(cell);
    });
    return row;
  }
}
