"""Networks on audio, and runs that wait for pretrained weights, as a user meets them."""

import hashlib
import json

import pytest
import yaml

WEIGHTS = "config/weights.yaml"

TINY = {
    "estimator": "genreflow.models.network.Network",
    "takes": "arrays",
    "scaler": None,
    "parameters": {"module": "my_networks.tiny", "epochs": 2, "batch_size": 4},
}

NETWORKS = '''"""A network of the user's own, which may begin with weights of others."""

import torch
from torch import nn


class Tiny(nn.Module):
    """The means of each band of each set, and a linear layer."""

    head = ("last",)

    def __init__(self, inputs, n_outputs):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.last = nn.Linear(sum(shape[0] for shape in inputs), n_outputs)

    def forward(self, *x):
        return self.last(self.scale * torch.cat([each.mean(dim=-1) for each in x], dim=1))

    def load_pretrained(self, path):
        self.scale.data.copy_(torch.load(path, weights_only=True)["scale"])


def tiny(inputs, n_outputs):
    return Tiny(inputs, n_outputs)
'''


@pytest.fixture
def study(clone):
    """The micro study with networks, one of which needs weights that are not there."""
    (clone / "my_networks.py").write_text(NETWORKS)
    (clone / "config/models/tiny.yaml").write_text(yaml.safe_dump(TINY))
    clone.edit_config(
        lambda w: w.update(mine={"path": "mine.pt", "source": "example.org"}), WEIGHTS
    )
    clone.edit_config(
        lambda c: c.update(
            runs={
                "forest": c["runs"]["forest"],
                "one": {"model": "tiny", "features": "mel", "variants": ["noise20"]},
                "two": {"model": "tiny", "features": ["mel", "chroma"]},
                "tuned": {"model": "tiny", "features": "mel", "weights": "mine"},
            }
        )
    )
    return clone


def put_weights(clone):
    """Make weights, put them where they are looked for, and tell their SHA-256."""
    import torch

    (clone / "data/weights").mkdir(parents=True)
    torch.save({"scale": torch.tensor(2.0)}, clone / "data/weights/mine.pt")
    return hashlib.sha256((clone / "data/weights/mine.pt").read_bytes()).hexdigest()


def test_runs_wait_for_their_weights_and_everything_else_runs(study):
    study.run()
    runs = study.table("tables/runs.parquet")
    found = {row["run"]: (row["status"], row["features"]) for row in runs.iter_rows(named=True)}
    assert found == {
        "forest": ("done", "summary"),
        "one": ("done", "mel"),
        "two": ("done", "mel + chroma"),
        "tuned": ("skipped", "mel"),
    }
    page = (study.results / "report.html").read_text()
    for words in ("mine.pt", "example.org", "data/weights"):
        assert words in page
    for run in ("one", "two"):
        history = study.table(f"runs/{run}/fixed/history.parquet")
        assert sorted(set(history["epoch"])) == [1, 2]
    assert study.jobs() == {}

    put_weights(study)
    ran = study.jobs()
    assert ran == {"train": 1, "evaluate": 1, "report": 1}
    assert set(study.table("tables/runs.parquet")["status"]) == {"done"}
    records = {run: study.results / f"runs/{run}/fixed/run.json" for run in ("one", "tuned")}
    weights = {run: json.loads(file.read_text())["weights"] for run, file in records.items()}
    assert weights == {"one": {}, "tuned": {"mine": None}}
    assert "with the weights mine" in (study.results / "report.html").read_text()
    assert study.jobs() == {}


def test_other_weights_are_refused_and_named(study):
    digest = put_weights(study)
    study.edit_config(lambda w: w["mine"].update(sha256="0" * 64), WEIGHTS)
    study.edit_config(lambda c: c.update(runs={"tuned": c["runs"]["tuned"]}))
    printed = study.run(ok=False)
    log = (study / "logs/train/micro/tuned/fixed.log").read_text()
    assert digest in log, printed
    assert "config/weights.yaml" in log


def test_a_study_without_any_of_its_weights_says_what_to_put_where(study):
    study.edit_config(lambda c: c.update(runs={"tuned": c["runs"]["tuned"]}))
    printed = study.run(ok=False)
    assert "put mine.pt from example.org into data/weights" in printed


def test_numbers_of_the_tracks_are_learned_and_measured(clone):
    table = clone / "data/micro/tracks.csv"
    rows = table.read_text().splitlines()
    lines = [f"{rows[0]},speed"] + [f"{row},{number}" for number, row in enumerate(rows[1:])]
    table.write_text("\n".join(lines) + "\n")
    clone.edit_config(
        lambda d: d.update(columns={"targets": {"tempo": "speed"}}), "config/datasets/micro.yaml"
    )
    clone.edit_config(
        lambda c: c.update(
            task="regression",
            runs={
                "mean": {"model": "dummy_regressor", "features": "summary"},
                "forest": {"model": "random_forest_regressor", "features": "summary"},
                "sections": {
                    "model": "section_cnn",
                    "features": "sections",
                    "parameters": {"epochs": 2},
                },
            },
            splits={"folds": {"method": "kfold", "folds": 3}},
        )
    )
    clone.run()
    metrics = clone.table("tables/metrics.parquet").filter(part="test", metric="r2")
    assert set(metrics["run"]) == {"mean", "forest", "sections"}
    by_run = {row["run"]: row["value"] for row in metrics.iter_rows(named=True)}
    assert by_run["mean"] < 0 < by_run["forest"]
    assert "tempo" in (clone.results / "report.html").read_text()
    assert clone.jobs() == {}
