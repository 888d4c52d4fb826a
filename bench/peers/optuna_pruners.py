"""Optuna on the recorded learning curves: how many whole trainings' worth of epochs it takes to reach a score.

What `cargo xtask bench pruners` measures of tabsweep, with the same table, space and way of counting, one trial
at a time. Optuna's pruners stop a trial for good, so that epochs are never trained later.

pip install optuna==5.0.0
python bench/peers/optuna_pruners.py --mark 98.30 --seeds 40, from the root of the repository
"""

import argparse
import csv
import math
import tomllib
import warnings

import optuna
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler

LIMIT = 256  # Whole trainings after which a search is given up.
EPOCHS = 9

SAMPLERS = {"random": RandomSampler, "tpe": TPESampler}
PRUNERS = {
    "none": NopPruner,
    "median": MedianPruner,
    "successive halving, factor 4": lambda: SuccessiveHalvingPruner(min_resource=1),
    "successive halving, factor 2": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=EPOCHS),
}


def number_or_text(cell):
    try:
        return float(cell)
    except ValueError:
        return cell.lower()


class Recorded:
    """The table: a curve for each setting of a grid."""

    def __init__(self):
        with open("bench/tables/lenet.toml", "rb") as file:
            table = tomllib.load(file)
        self.grid = table["grid"]
        self.curves = {}
        with open("bench/tables/lenet.csv") as file:
            for row in csv.DictReader(file):
                setting = tuple(number_or_text(row[name]) for name in self.grid)
                counts = [int(row[f"validation_{epoch}"]) for epoch in range(1, EPOCHS + 1)]
                self.curves[setting] = [count / table["validation_images"] for count in counts]

    def suggested(self, trial):
        """The curve nearest to what the trial suggests; on a log scale half a step is added at both ends."""
        setting = []
        for name, values in self.grid.items():
            low, high = values[0], values[-1]
            if isinstance(low, (bool, str)):
                setting.append(number_or_text(str(trial.suggest_categorical(name, values))))
                continue
            is_log = low > 0
            half_step = (high / low) ** (0.5 / (len(values) - 1)) if is_log else 1
            low, high = low / half_step, high * half_step
            if isinstance(values[0], int):
                value = trial.suggest_int(name, round(low), round(high), log=is_log)
            else:
                value = trial.suggest_float(name, low, high, log=is_log)
            at = math.log if is_log else float
            setting.append(float(min(values, key=lambda known: abs(at(known) - at(value)))))
        return self.curves[tuple(setting)]


def full_trainings(recorded, sampler, pruner, mark):
    """Whole trainings' worth of epochs until a whole training scores `mark`."""
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    epochs = 0
    while epochs < LIMIT * EPOCHS:
        trial = study.ask()
        for epoch, score in enumerate(recorded.suggested(trial), 1):
            epochs += 1
            trial.report(score, epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, score)
            if score >= mark:
                return epochs / EPOCHS
    return LIMIT


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mark", type=float, required=True, help="score to reach, in percent")
    parser.add_argument("--seeds", type=int, default=40)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    recorded = Recorded()
    for sampler_name, sampler in SAMPLERS.items():
        for pruner_name, pruner in PRUNERS.items():
            mark = arguments.mark / 100 - 1e-9
            seeds = range(1, arguments.seeds + 1)
            taken = sorted(full_trainings(recorded, sampler(seed=seed), pruner(), mark) for seed in seeds)
            median, first, third = (taken[int((len(taken) - 1) * share)] for share in (0.5, 0.25, 0.75))
            missed = sum(one >= LIMIT for one in taken)
            print(f"{sampler_name}, {pruner_name}: {median:.1f} ({first:.1f}-{third:.1f}), {missed} not reached", flush=True)


main()
