"""What a GPU gives: three commands of at most 200 seconds each, so that a borrowed GPU decides everything in fifteen minutes.

    python benchmarks/gpu.py steps     what a training step takes, ours beside the Trainer's
    python benchmarks/gpu.py equal     the losses of a captured trial beside an uncaptured one, the seconds of an epoch by part, the
                                       share of captures, the milliseconds a post of captured and uncaptured predictions, and the
                                       hours of 312 trials
    python benchmarks/gpu.py search    trials an hour of whole searches, ours beside the Trainer's

Each prints JSON lines: first the machine, then the measurements, the most telling first, and what was left out for lack of time. The
random encoders (base shapes of BERT, DeBERTa-v3 and ModernBERT, and all-MiniLM-L6-v2's) and the corpora are made on the spot.
`steps` ends with a decoder of Llama 3.2's 1-billion shape and LoRA, beside peft with the Trainer (the extras lora and benchmark): 4
operations a parameter and token. `--encoders bert llama-1b` names some, `--seconds` is the limit, `--only trainer` gives the time of
`search` to one side, `--tiny` runs everything with tiny sizes, also on a CPU.

It needs Python 3.11, torch 2.11, transformers 5.17 and what `psy_agents.training` imports (numpy, pandas, pyarrow, pydantic, scipy,
regex, scikit-learn), for `search` Optuna, SQLAlchemy and rich, for the Trainer's rows accelerate; neither Kedro nor MLflow. Without an
installation: `PYTHONPATH=src python benchmarks/gpu.py steps`.

`steps`: ``ms`` is the median of three rounds in which all rows of a shape take turns, batches included; ``share_of_peak`` is that of
real tokens' operations (`roofline.training_flops`) of the rate of matrix products at the encoder's shapes; ``kernels`` and ``busy_ms``
are those of one step (torch.profiler). The first agent of each shape runs uncaptured too, and at the first shape of each encoder without
determinism.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
# As a worker of a search starts CUDA (hpo/workers/worker_process.py).
for name, value in {"OMP_NUM_THREADS": "1", "PYTORCH_ALLOC_CONF": "expandable_segments:True", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}.items():
    os.environ.setdefault(name, value)

PARTS = ("steps", "equal", "search")
LIMIT = 180.0  # Seconds; what has begun then is ended.


def main(words: Sequence[str] | None = None) -> None:
    """Run one part, or several in turn."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--encoders", nargs="+")
    parser.add_argument("--only", choices=("ours", "trainer"), help="search: one side alone; both do not fit into the time")
    parser.add_argument("--seconds", type=float, default=LIMIT, help="of a part; nothing begins that would not end in time")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args(words)
    import torch
    import transformers
    from on_gpu.encoders import save_encoder

    options.device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    _print({"machine": name, "cores": os.cpu_count(), "torch": torch.__version__, "transformers": transformers.__version__})
    with tempfile.TemporaryDirectory() as place:

        @cache
        def folder(kind: str) -> Path:
            return save_encoder(kind, Path(place) / kind, options.tiny)

        for part in options.parts:
            ends = began + (float("inf") if options.tiny else options.seconds)  # Tiny sizes are run to try every part.
            for line in _function(part)(options, folder, ends):
                _print({"part": part, **line})
            _print({"part": part, "seconds": round(time.monotonic() - began, 1)})
            began = time.monotonic()


def _function(part: str):
    from on_gpu.equal import equal
    from on_gpu.search import search
    from on_gpu.steps import steps

    return {"steps": steps, "equal": equal, "search": search}[part]


def _print(line: dict) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
