"""Is the demo corpus neither trivial nor hopeless? Accuracy of each model under each split.

    OMP_NUM_THREADS=1 PYTHONPATH=scripts python benchmarks/demo.py

Prints mean and range over seeds of the 5-fold accuracies, random and by artist, and of a random
80/20 split, and the confusion matrices of logistic regression. Takes some minutes.
"""

import csv
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import librosa
import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from genreflow.datasets.demo import make_corpus
from genreflow.features.summary import summary

TUNED = {
    "subsample": 0.6,
    "reg_lambda": 1.5,
    "reg_alpha": 0.1,
    "n_estimators": 1000,
    "max_depth": 9,
    "learning_rate": 0.05,
    "gamma": 0,
    "colsample_bytree": 0.6,
}
MODELS = {
    "dummy": DummyClassifier(),
    "logistic regression": LogisticRegression(max_iter=2000),
    "SGD": SGDClassifier(random_state=0),
    "kNN": KNeighborsClassifier(),
    "SVM": SVC(random_state=0),
    "random forest": RandomForestClassifier(500, random_state=0),
    "XGBoost": XGBClassifier(n_jobs=1, random_state=0),
    "XGBoost tuned": XGBClassifier(n_jobs=1, random_state=0, **TUNED),
}
SLOW = {"random forest", "XGBoost", "XGBoost tuned"}
SPLITS = {
    "random": lambda seed: StratifiedKFold(5, shuffle=True, random_state=seed),
    "artist": lambda seed: StratifiedGroupKFold(5, shuffle=True, random_state=seed),
    "80/20": lambda seed: StratifiedShuffleSplit(1, test_size=0.2, random_state=seed),
}


def describe(root: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The features, genres and artists of the clips that have no flaw."""
    with (root / "tracks.csv").open(encoding="utf-8", newline="") as table:
        rows = [r for r in csv.DictReader(table) if Path(r["path"]).stem.isdigit()]
    with ProcessPoolExecutor() as pool:
        features = list(pool.map(vector, [root / r["path"] for r in rows], chunksize=8))
    genres, artists = (np.array([r[column] for r in rows]) for column in ("label", "artist"))
    return np.array(features), genres, artists


def vector(path: Path) -> list[float]:
    return list(summary(librosa.load(path, sr=22050)[0], sr=22050).values())


def predict(features, genres, artists, model, split) -> tuple[np.ndarray, np.ndarray]:
    """Genres of all test parts, true and predicted."""
    groups = artists if isinstance(split, StratifiedGroupKFold) else None
    truth, guesses = [], []
    for train, test in split.split(features, genres, groups):
        pipeline = make_pipeline(StandardScaler(), clone(model))
        pipeline.fit(features[train], genres[train])
        truth.append(genres[test])
        guesses.append(pipeline.predict(features[test]))
    return np.concatenate(truth), np.concatenate(guesses)


def score(job: tuple) -> float:
    return accuracy_score(*predict(*job))


def main(seeds: int = 10, slow_seeds: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        make_corpus(Path(folder), workers=len(os.sched_getaffinity(0)))
        print(f"corpus made in {time.perf_counter() - start:.1f} s")
        features, genres, artists = describe(Path(folder))
    encoder = LabelEncoder().fit(genres)
    data = (features, encoder.transform(genres), artists)
    with ProcessPoolExecutor() as pool:
        print(f"{'model':20}" + "".join(f"{name:>24}" for name in SPLITS))
        for name, model in MODELS.items():
            n = slow_seeds if name in SLOW else seeds
            cells = []
            for split in SPLITS.values():
                values = list(pool.map(score, [(*data, model, split(seed)) for seed in range(n)]))
                cells.append(f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})")
            print(f"{name:20}" + "".join(f"{cell:>24}" for cell in cells), flush=True)
    for name in ("random", "artist"):
        jobs = [(*data, MODELS["SVM"], SPLITS[name](seed)) for seed in range(4)]
        print(f"\nSVM, split {name}, mean of {len(jobs)} seeds: " + ", ".join(encoder.classes_))
        print(sum(confusion_matrix(*predict(*job)) for job in jobs) / len(jobs))


if __name__ == "__main__":
    main()
