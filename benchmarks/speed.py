"""How fast a trial is: beside `Trainer.hyperparameter_search`, against the machine's peak, and what each lever gives.

    python benchmarks/speed.py search [--posts 30] [--rounds 2] [--arms ours dynamic max_length] [--out FILE]
    python benchmarks/speed.py levers [--posts 30] [--rounds 2]
    python benchmarks/speed.py trial  [--posts 30] [--rounds 2]
    python benchmarks/speed.py growth [--rounds 2]
    python benchmarks/speed.py workers  [--posts 30] [--rounds 2]

``search``: one search of four learning rates (``--trials``), three epochs each, by each of three ways in turn, each in a process of its own
with one thread: ours (`hpo.search.run_stage`: engine, store, worker and all), and the Trainer's with dynamic padding and with
``max_length`` (`trainer_search.py`; ``--padded-rounds`` of it, as it takes longest), and if asked for with ``bf16=True``. The same
encoder, pairs, splits, learning rates, epochs, batch size, dropout and warm-up; no similarity, the first token
pooled, as in BERT's classifier; with ``--frozen-layers 4`` the lowest ones are not trained by either, as in the space that stage 0
searches on a CPU. Seconds and CPU seconds of a trial are the whole search's over its trials, without the imports of
the first process; with the start of our worker. "until" is when our search first reached the value that the Trainer's had at its
end.

``levers``: CPU seconds of one trial (3 epochs: training, evaluation, scoring) with all levers on and with each switched off.

``trial``: where a trial's time goes, and the share of the matrix peak: floating-point operations that the real tokens need
(`roofline.py`), over seconds of training steps and the best rate of a matrix product at the encoder's shapes, in the
precision used.

``growth``: CPU seconds of a trial against the number of pairs, and a token's against the length of the windows.

``workers``: trials an hour of a whole search by workers and threads; on a GPU, of several trials on it at a time.

With ``--device cuda`` all of it runs on a GPU, and seconds are wall-clock seconds. A GPU without the bundled encoder, or for which
that is too small, takes another by ``--encoder``: `base_encoder.py` makes one with random weights, for speed only.

Run by hand, on an idle machine; the methods take turns within a round, so that other work meets all of them. Figures are
medians over rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import torch
from same_pairs import NEGATIVES
from same_trials import ENCODER
from speed_levers import levers
from speed_search import ARMS, run_arm, search, workers
from speed_trial import growth, where_time_goes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("search", "levers", "trial", "growth", "workers", "arm"))
    parser.add_argument("--posts", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--padded-rounds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=4, help="search, workers: learning rates, one trial each")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--encoder", default=ENCODER)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frozen-layers", type=int, default=0, help="search, trial, workers: layers that are not trained")
    parser.add_argument("--negatives", type=float, default=NEGATIVES, help="implicit ones per positive pair, in training")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS[:3])
    parser.add_argument("--layouts", nargs="+", default=["2x1", "1x2"], help="workers: each as workers x threads")
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--out", type=Path, help="search: a line a run; the same command goes on where it was stopped")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = {"search": search, "levers": levers, "trial": where_time_goes, "growth": growth, "workers": workers, "arm": run_arm}
    parts[arguments.part](arguments)


if __name__ == "__main__":
    main()
