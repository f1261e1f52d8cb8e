"""What one invocation of the workflow works on: the study, its datasets as they are now, its code.

The workflow's main process refreshes the catalogues and digests the code once, and hands both to
the jobs in the environment. A job reads what it was handed and nothing else, so that a file added,
a second shell or an edited module never changes what a run in progress sees.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from genreflow.catalogue import refresh
from genreflow.catalogue_table import refresh_table
from genreflow.config import SHIPPED, Study
from genreflow.datasets import Dataset
from genreflow.datasets.layout import TableDataset
from genreflow.errors import GenreflowError
from genreflow.provenance import code_digest
from genreflow.snapshots import newest_snapshot, read_batches

HANDED_OVER = "GENREFLOW_STATE"


@dataclass
class Project:
    """A study in a working directory.

    Parameters
    ----------
    study : Study
    main : bool
        whether this is the main process, which may look at the audio folders
    """

    study: Study
    main: bool
    _state: dict[str, dict] = field(
        default_factory=lambda: {"absent": {}, "code": {}, "snapshots": {}, "weights": {}}
    )
    _refreshed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.main and HANDED_OVER in os.environ:
            self._state = json.loads(os.environ[HANDED_OVER])

    def dataset(self, name: str) -> Dataset:
        """The dataset of a name."""
        settings = self.study.datasets[name]
        kind = TableDataset if settings["kind"] == "table" else Dataset
        return kind.from_config(name, settings, lists_folder=_folder(name, "prepare"))

    def needs_prepare(self, name: str) -> bool:
        """Whether the workflow itself makes a dataset, or fetches lists for it."""
        dataset = self.dataset(name)
        return bool(dataset.make or dataset.to_fetch())

    def prepare_settings(self, name: str) -> dict:
        """What a dataset is made or fetched from."""
        dataset = self.dataset(name)
        return {
            "make": dataset.make,
            "root": str(dataset.root),
            "fetch": dataset.to_fetch(),
        }

    def code(self, rule: str, *functions: str) -> str:
        """The code that a rule's script and the named functions run, as `made_by` checks it."""
        key, codes = " ".join((rule, *functions)), self._state["code"]
        if key not in codes:
            digest = code_digest(SHIPPED / "scripts" / f"{rule}.py", *functions)
            codes[key] = " ".join((digest, *functions))
            self._hand_over()
        return codes[key]

    def refresh(self) -> None:
        """In the main process, bring the catalogues up to date of all datasets that are there.

        Raises
        ------
        GenreflowError
            where a dataset cannot be used, or no run has all that it needs
        """
        if not self.main:
            return
        absent = self._state["absent"] = self._find_absent()
        self._state["weights"] = self._find_missing_weights()
        skipped = self.skipped()
        if len(skipped) == len(self.study.pairs()):
            raise GenreflowError("\n".join(dict.fromkeys(skipped.values())))
        for name in self.study.datasets:
            if name not in absent and (self._prepared(name) or not self.needs_prepare(name)):
                self.snapshot(name)
        self._hand_over()

    def skipped(self) -> dict[tuple[str, str], str]:
        """Why a (run, split) cannot be done on this machine, for those that cannot."""
        absent, weights = self._state["absent"], self._state["weights"]
        reasons = {
            (run, split): [
                absent.get(self.study.dataset_of(split)),
                *(weights.get(needed.name) for needed in self.study.weights_of(run)),
            ]
            for run, split in self.study.pairs()
        }
        return {
            pair: "; ".join(filter(None, found)) for pair, found in reasons.items() if any(found)
        }

    def lacks_weights(self, feature_set: str) -> bool:
        """Whether the pretrained weights of a feature set are missing on this machine."""
        weights = self.study.features[feature_set].get("weights")
        return bool(weights) and weights["name"] in self._state["weights"]

    def snapshot(self, name: str) -> str:
        """Digest of a dataset's snapshot, in the main process as its folder is now.

        Raises
        ------
        GenreflowError
            where the folder or its table cannot be used
        """
        snapshots = self._state["snapshots"]
        stamp = self._prepared(name)
        if self.main and self._refreshed.get(name) != stamp:
            snapshots[name] = self._refresh(name)
            self._refreshed[name] = stamp
            self._hand_over()
        if name not in snapshots:
            raise GenreflowError(
                f"this job was not told which snapshot of {name!r} to work on: the environment "
                f"variable {HANDED_OVER} of the main process has to reach the jobs"
            )
        return snapshots[name]

    def batches(self, name: str, snapshot: str) -> tuple[str, ...]:
        """Names of the batches that a snapshot uses."""
        return read_batches(_folder(name, "catalogue"), snapshot)

    def _refresh(self, name: str) -> str:
        """Digest of the newest snapshot, written where the dataset has changed."""
        dataset, settings = self.dataset(name), self.study.settings
        folder, accept_loss = _folder(name, "catalogue"), settings["accept_loss"]
        if isinstance(dataset, TableDataset):
            return refresh_table(dataset, folder, accept_loss=accept_loss)
        size = settings["batch_size"]
        return refresh(dataset, folder, batch_size=size, accept_loss=accept_loss).digest

    def _prepared(self, name: str) -> int:
        """When a dataset was last made or fetched [ns]; 0 for never."""
        marker = _folder(name, "prepare") / "prepared.json"
        return marker.stat().st_mtime_ns if marker.exists() else 0

    def _find_absent(self) -> dict[str, str]:
        """What to put where, for each dataset that has never been here.

        A dataset that was here before and is gone is an error of its own, told by its catalogue.
        """
        missing = {name: self.dataset(name).missing() for name in self.study.datasets}
        return {
            name: reason
            for name, reason in missing.items()
            if reason
            and (
                self.study.settings["accept_loss"]
                or newest_snapshot(_folder(name, "catalogue")) is None
            )
        }

    def _find_missing_weights(self) -> dict[str, str]:
        """What to put where, for pretrained weights that runs or feature sets need."""
        study = self.study
        named = [study.features[name].get("weights") for name in study.settings["features"]]
        needed = [study.weights[weights["name"]] for weights in filter(None, named)]
        needed += [weights for run in study.models for weights in study.weights_of(run)]
        missing = {weights.name: weights.missing() for weights in needed}
        return {name: reason for name, reason in missing.items() if reason}

    def _hand_over(self) -> None:
        os.environ[HANDED_OVER] = json.dumps(self._state, sort_keys=True)


def _folder(dataset: str, stage: str) -> Path:
    return Path("results/datasets", dataset, stage)
