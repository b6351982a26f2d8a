"""Speed of a trial, compared with `Trainer.hyperparameter_search` and the machine's peak, and the gain of each lever.

    python benchmarks/speed.py search [--posts 30] [--rounds 2] [--arms ours dynamic max_length] [--out FILE]
    python benchmarks/speed.py levers [--posts 30] [--rounds 2]
    python benchmarks/speed.py trial  [--posts 30] [--rounds 2]
    python benchmarks/speed.py growth [--rounds 2]
    python benchmarks/speed.py workers  [--posts 30] [--rounds 2]

``search``: three arms take turns, each in a separate process with one thread: ours (`hpo.run_stage.run_stage`, with engine,
store and worker), and the Trainer's with dynamic padding and with ``max_length`` (`trials/trainer_search.py`; the latter
``--padded-rounds`` times, as it takes longest; optionally with ``bf16=True``). Each searches four learning rates
(``--trials``) of three epochs. Encoder, pairs, splits, learning rates, epochs, batch size, dropout and warm-up are the same;
the first token is pooled, without similarity, as in BERT's classifier. ``--frozen-layers 4`` freezes the lowest layers in
all arms, as in the space of stage 0. Seconds and CPU seconds of a trial are those of the whole search divided by its trials,
without the imports of the first process, but with the start of our worker. "until" is the time at which our search first
reached the final value of the Trainer's.

``levers``: CPU seconds of one trial (3 epochs: training, evaluation, scoring) with all levers on and with each switched off.

``trial``: the parts of a trial's time, and the share of the matrix peak: floating-point operations of the real tokens
(`trials/roofline.py`), divided by the seconds of training steps and by the peak rate of matrix products at the encoder's shapes, in
the same precision.

``growth``: CPU seconds of a trial by the number of pairs, and of a token by the length of the windows.

``workers``: trials an hour of a whole search by workers and threads; on a GPU, with several trials at a time.

``--device cuda`` runs on a GPU, with wall-clock seconds. ``--encoder`` chooses another encoder than the bundled one:
`base_encoder.py` makes a larger one with random weights, for speed only.

Run it on an idle machine. The methods take turns within a round, so other load affects all of them. Figures are medians over
rounds, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import torch
from trials.levers import levers
from trials.same_pairs import NEGATIVES
from trials.same_trials import ENCODER
from trials.search import ARMS, run_arm, search, workers
from trials.trial import growth, where_time_goes


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
    parser.add_argument("--out", type=Path, help="search: one line for each run; the same command resumes an interrupted run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = {"search": search, "levers": levers, "trial": where_time_goes, "growth": growth, "workers": workers, "arm": run_arm}
    parts[arguments.part](arguments)


if __name__ == "__main__":
    main()
