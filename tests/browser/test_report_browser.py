"""The page in a real browser: it works, runs nothing hostile, and fits on a phone."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genreflow.report.material import read_material
from genreflow.report.page import render

sys.path.append(str(Path(__file__).parents[1] / "unit"))

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=5000",
    # The frame of a page on disk may be looked into only so.
    "--disable-web-security",
    "--allow-file-access-from-files",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    from report_fixtures import make_study

    folder = tmp_path_factory.mktemp("browser")
    made = make_study(folder)
    path = folder / "report.html"
    path.write_text(render(read_material(study=made.study, **made.paths)), encoding="utf-8")
    return path


def run(page: Path, profile: Path, *flags: str) -> tuple[str, str]:
    """What the page is after its scripts ran, and the browser's log."""
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout, done.stderr


def probe(report: Path, folder: Path, width: int, script: str) -> dict[str, str]:
    """Open the report in a frame of a width, and return what a script says of its document."""
    page = folder / "frame.html"
    page.write_text(
        f'<body style="margin:0"><iframe src="{report.as_uri()}"'
        f' style="border:0;width:{width}px;height:900px"></iframe><pre></pre><script>'
        "const frame = document.querySelector('iframe'), said = [];"
        "const say = (key, value) => said.push(`${key}=${value}`);"
        "frame.onload = () => { const doc = frame.contentDocument;"
        f"{script}; document.querySelector('pre').textContent = said.join('\\n'); }};</script>",
        encoding="utf-8",
    )
    dom, _ = run(page, folder / "profile", "--dump-dom", "--window-size=1400,1000")
    text = re.search(r"<pre>(.*?)</pre>", dom, re.S)[1]
    return dict(line.split("=", 1) for line in text.splitlines())


def test_opens_without_errors_and_runs_nothing_hostile(report, tmp_path):
    dom, log = run(report, tmp_path / "profile", "--dump-dom")
    console = [line for line in log.splitlines() if "CONSOLE" in line]
    assert console == []
    assert "<title>Genres of a small corpus &lt;/script&gt;" in dom
    assert 'role="application"' in dom and 'class="cursor"' in dom
    assert dom.count("<script") == 2
    outside = re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*", dom)
    assert outside == []


def test_matrix_answers_to_keys_and_controls(report, tmp_path):
    said = probe(
        report,
        tmp_path,
        1280,
        """
        const by = (id) => doc.getElementById(id);
        const press = (key) => doc.querySelector('#matrix .cells').dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true }));
        const change = (id, value) => { by(id).value = value;
          by(id).dispatchEvent(new Event('change')); };
        say('first', by('cell').textContent);
        doc.querySelector('input[value=name]').click();
        say('ordered', doc.querySelector('#matrix .rows').textContent.startsWith('<scrip'));
        for (let i = 0; i < 6; i++) { press('ArrowUp'); press('ArrowLeft'); }
        press('ArrowDown'); press('ArrowRight');
        say('cell', by('cell').textContent);
        say('names', by('cell').querySelectorAll('li bdi').length);
        say('numbers', doc.querySelectorAll('#matrix text').length);
        say('labels', by('labels').tBodies[0].rows.length);
        say('worst', by('worst').children.length);
        change('pick-split', '1'); change('pick-run', '2');
        say('other', doc.querySelector('#matrix .cells').getAttribute('aria-label'));
        by('filter').value = 'JAZZ'; by('filter').dispatchEvent(new Event('input'));
        say('left', [...by('labels').tBodies[0].rows].filter((row) => !row.hidden).length);
        const board = doc.querySelector('.board');
        board.querySelector('th button').click();
        const runs = [...board.tBodies[0].rows].map((row) => row.cells[0].dataset.key);
        say('sorted', JSON.stringify(runs) === JSON.stringify([...runs].sort()));
        by('theme').click();
        say('theme', doc.documentElement.dataset.theme);
        say('hacked', doc.title === 'hacked');
        """,
    )
    assert " taken for " in said["first"] and said["ordered"] == "true"
    assert said["cell"].startswith("blues recognised")
    assert int(said["names"]) > 0 and int(said["numbers"]) > 12
    assert said["labels"] == "6" and int(said["worst"]) > 3
    assert "on split random" in said["other"]
    assert said["left"] == "1" and said["sorted"] == "true"
    assert said["theme"] in {"dark", "light"} and said["hacked"] == "false"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_sideways_scrolling(report, tmp_path, width):
    said = probe(
        report,
        tmp_path,
        width,
        """
        for (const each of doc.querySelectorAll('details')) each.open = true;
        say('width', doc.documentElement.scrollWidth);
        """,
    )
    assert int(said["width"]) <= width


def test_prints(report, tmp_path):
    target = tmp_path / "report.pdf"
    run(report, tmp_path / "profile", f"--print-to-pdf={target}")
    assert target.read_bytes().startswith(b"%PDF")


@pytest.fixture(scope="module")
def numbers_report(tmp_path_factory) -> Path:
    from report_values import make_values_study

    folder = tmp_path_factory.mktemp("numbers")
    made = make_values_study(folder)
    path = folder / "report.html"
    path.write_text(render(read_material(study=made.study, **made.paths)), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_numbers_are_drawn_in_squares_that_fit(numbers_report, tmp_path, width):
    said = probe(
        numbers_report,
        tmp_path,
        width,
        """
        say('width', doc.documentElement.scrollWidth);
        const drawings = [...doc.querySelectorAll('.scatter')];
        say('drawings', drawings.length);
        say('square', drawings.every((each) => {
          const box = each.getBoundingClientRect();
          return Math.abs(box.width - box.height) < 1 && box.width > 100;
        }));
        say('explorer', doc.getElementById('explorer') === null);
        const table = doc.querySelector('.numbers-table');
        table.querySelector('th button').click();
        const runs = [...table.tBodies[0].rows].map((row) => row.cells[0].dataset.key);
        say('sorted', runs.join());
        """,
    )
    assert int(said["width"]) <= width
    assert said["drawings"] == "16" and said["square"] == said["explorer"] == "true"
    assert said["sorted"] == "cnn,dummy,lstm,ridge"


@pytest.fixture(scope="module")
def table_report(tmp_path_factory) -> Path:
    from report_tables import make_table_study

    folder = tmp_path_factory.mktemp("table")
    made = make_table_study(folder, names=[f"genre {at:02d}" for at in range(60)], per_label=25)
    path = folder / "report.html"
    path.write_text(render(read_material(study=made.study, **made.paths)), encoding="utf-8")
    return path


def test_large_matrix_grows_and_several_labels_are_counted(table_report, tmp_path):
    said = probe(
        table_report,
        tmp_path,
        1280,
        """
        const by = (id) => doc.getElementById(id);
        const side = () => Number(doc.querySelector('#matrix .cells').getAttribute('width'));
        const change = (id, value) => { by(id).value = value;
          by(id).dispatchEvent(new Event('change')); };
        const fit = side();
        say('fits', fit <= by('matrix').clientWidth);
        by('zoom-in').click(); by('zoom-in').click();
        say('grown', side() / fit);
        doc.querySelectorAll('#worst button')[5].click();
        const [cursor, holder] = [doc.querySelector('#matrix .cursor'), by('matrix')];
        const [inner, outer] = [cursor, holder].map((each) => each.getBoundingClientRect());
        say('seen', inner.left > outer.left && inner.right < outer.right
          && inner.top > outer.top && inner.bottom < outer.bottom);
        say('named', doc.querySelectorAll('#matrix .on').length);
        by('zoom-fit').click();
        say('back', side() === fit);
        const several = [...by('pick-split').options].findIndex((o) => o.text === 'several');
        change('pick-split', several);
        say('matrix', by('one-label').hidden);
        say('counts', by('counts').tBodies[0].rows.length);
        say('sets', by('sets').tBodies[0].rows.length);
        by('filter-counts').value = 'genre 07';
        by('filter-counts').dispatchEvent(new Event('input'));
        say('left', [...by('counts').tBodies[0].rows].filter((row) => !row.hidden).length);
        change('pick-split', 0);
        say('again', by('one-label').hidden);
        const labels = doc.querySelector('[data-filters]');
        labels.value = '03'; labels.dispatchEvent(new Event('input'));
        const rows = [...by(labels.dataset.filters).tBodies[0].rows];
        say('filtered', rows.filter((row) => !row.hidden).length);
        """,
    )
    assert said["fits"] == said["seen"] == said["back"] == "true"
    assert float(said["grown"]) == pytest.approx(1.96, rel=0.02)
    assert said["named"] == "2"
    assert said["matrix"] == "true" and said["again"] == "false"
    assert said["counts"] == "60" and 0 < int(said["sets"]) <= 40
    assert said["left"] == said["filtered"] == "1"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_tables_of_features_fit_too(table_report, tmp_path, width):
    said = probe(
        table_report,
        tmp_path,
        width,
        """
        for (const each of doc.querySelectorAll('details')) each.open = true;
        const wide = [doc.documentElement.scrollWidth];
        const split = doc.getElementById('pick-split');
        split.value = 1;
        split.dispatchEvent(new Event('change'));
        say('width', Math.max(wide[0], doc.documentElement.scrollWidth));
        """,
    )
    assert int(said["width"]) <= width
