"""The other side of benchmark `reweight`, in an environment of its own: hep_ml's GBReweighter.

python _hep_ml_way.py FOLDER defaults|notebook
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from hep_ml.reweight import GBReweighter

SETTINGS = {  # of the constructor, and of hep_ml's own notebook
    "defaults": {},
    "notebook": {
        "n_estimators": 250, "learning_rate": 0.1, "max_depth": 3, "min_samples_leaf": 1000,
        "gb_args": {"subsample": 0.4},
    },
}  # fmt: skip

folder, name = Path(sys.argv[1]), sys.argv[2]
read = {
    key: np.load(folder / f"{key}.npy")
    for key in ("fit_source_x", "fit_target_x", "fit_target_w", "judge_source_x")
}
reweighter = GBReweighter(**SETTINGS[name])
start = time.perf_counter()
reweighter.fit(read["fit_source_x"], read["fit_target_x"], target_weight=read["fit_target_w"])
fitted = time.perf_counter()
weight = reweighter.predict_weights(read["judge_source_x"])
np.save(folder / f"{name}.npy", weight)
print(json.dumps({"fit_seconds": fitted - start, "weigh_seconds": time.perf_counter() - fitted}))
