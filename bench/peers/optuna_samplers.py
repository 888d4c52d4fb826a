"""Optuna's samplers on functions with a known best, and on the table of recorded trainings.

What `cargo xtask bench samplers` measures of tabsweep, with the same functions, spaces, trials and workers. Told as
JSON: regrets after all trials, by seed, and some settings with their losses, from which can be seen that both sides
compute the same functions.

pip install optuna==5.0.0
python bench/peers/optuna_samplers.py --tables bench/tables --seeds 40
"""

import argparse
import csv
import json
import math
import multiprocessing
import os
import random
import time
import tomllib
import warnings

# One core for each search: numpy would take all for matrices of a few hundred numbers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import optuna
from optuna.samplers import RandomSampler, TPESampler

EPOCHS = 9
PROBES = 5

SAMPLERS = {
    "random": RandomSampler,
    # Since Optuna 5 multivariate=True and constant_liar=True are the defaults for one objective.
    "tpe": lambda seed: TPESampler(multivariate=True, constant_liar=True, seed=seed),
    "tpe, group": lambda seed: TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed),
    "tpe, multivariate=False": lambda seed: TPESampler(multivariate=False, constant_liar=True, seed=seed),
}


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    bowl = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


HARTMANN_ALPHA = [1.0, 1.2, 3.0, 3.2]
HARTMANN_A = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
]
HARTMANN_P = [
    [1312, 1696, 5569, 124, 8283, 5886],
    [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650],
    [4047, 8828, 8732, 5743, 1091, 381],
]


def hartmann6(trial):
    x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    wells = (
        alpha * math.exp(-sum(a * (at - 1e-4 * p) ** 2 for at, a, p in zip(x, a_row, p_row)))
        for alpha, a_row, p_row in zip(HARTMANN_ALPHA, HARTMANN_A, HARTMANN_P)
    )
    return -sum(wells)


def rosenbrock5(trial):
    x = [trial.suggest_float(f"x{i}", -5, 10) for i in range(5)]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def conditional(trial):
    """A made-up training: log scales, choices, and hyper-parameters that not all trials have."""
    optimizer = trial.suggest_categorical("optimizer", ["adamw", "rmsprop", "sgd"])
    rate = trial.suggest_float("learning_rate", 1e-5, 1, log=True)
    layers = trial.suggest_int("layers", 1, 4)
    width = trial.suggest_int("width", 8, 512, log=True)
    loss = {"adamw": 0.1, "rmsprop": 0.25, "sgd": 0.0}[optimizer]
    if optimizer == "sgd":
        momentum = trial.suggest_float("momentum", 0, 0.99)
        # Momentum stands for a higher rate.
        best = -1 + math.log10(1 - momentum)
        loss += 2 * (momentum - 0.9) ** 2
    else:
        best = -3
    loss += 0.3 * (math.log10(rate) - best) ** 2
    if layers > 1:
        dropout = trial.suggest_float("dropout", 0, 0.5)
        loss += 4 * (dropout - 0.1 * (layers - 1)) ** 2
    loss += 0.1 * (layers - 3) ** 2
    return loss + 0.05 * math.log2(width / 128) ** 2


def number_or_text(cell):
    try:
        return float(cell)
    except ValueError:
        return cell.lower()


class Recorded:
    """The table: the share of images that a setting of a grid classifies wrongly at the end."""

    def __init__(self, folder):
        with open(os.path.join(folder, "lenet.toml"), "rb") as file:
            table = tomllib.load(file)
        self.grid = table["grid"]
        self.losses = {}
        with open(os.path.join(folder, "lenet.csv")) as file:
            for row in csv.DictReader(file):
                setting = tuple(number_or_text(row[name]) for name in self.grid)
                right = row[f"validation_{EPOCHS}"]
                self.losses[setting] = 1 - int(right) / table["validation_images"] if right else 1.0
        self.best = min(self.losses.values())

    def __call__(self, trial):
        """The loss nearest to what the trial suggests; on a log scale half a step is added at both ends."""
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
        return self.losses[tuple(setting)]


# A loss, and the least it can be.
FUNCTIONS = {
    "branin": (branin, 0.39788735772973816),
    "hartmann6": (hartmann6, -3.322368011391339),
    "rosenbrock5": (rosenbrock5, 0.0),
    "conditional": (conditional, 0.0),
}


def samplers(function):
    """Groups differ from the defaults only where there are conditions."""
    return [name for name in SAMPLERS if name != "tpe, group" or function == "conditional"]


def prepare(tables):
    recorded = Recorded(tables)
    FUNCTIONS["lenet"] = (recorded, recorded.best)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore")


def regret(search):
    """The least loss after all trials. So many workers are under way; who is done next is drawn by the seed."""
    function, sampler, workers, trials, seed = search
    loss, least = FUNCTIONS[function]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed=seed))
    order = random.Random(seed)
    under_way, asked = [], 0
    for _ in range(trials):
        while len(under_way) < workers and asked < trials:
            trial = study.ask()
            under_way.append((trial, loss(trial)))
            asked += 1
        trial, value = under_way.pop(order.randrange(len(under_way)))
        study.tell(trial, value)
    return study.best_value - least


def probes(function):
    """Settings and their losses."""
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    study.optimize(FUNCTIONS[function][0], n_trials=PROBES)
    return [{"setting": trial.params, "loss": trial.value} for trial in study.trials]


def suggestion_secs(sampler, trials):
    """How long a suggestion takes after so many trials of Hartmann's function."""
    names = [f"x{i}" for i in range(6)]
    distribution = optuna.distributions.FloatDistribution(0, 1)
    draw = random.Random(1)
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed=1))
    study.add_trials(
        optuna.trial.create_trial(
            params={name: draw.random() for name in names},
            distributions=dict.fromkeys(names, distribution),
            value=draw.random(),
        )
        for _ in range(trials)
    )
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        trial = study.ask()
        value = hartmann6(trial)
        taken.append(time.perf_counter() - start)
        study.tell(trial, value)
    return sorted(taken)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", required=True, help="folder of lenet.toml and lenet.csv")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--many", type=int, default=50_000, help="finished trials when a suggestion is timed")
    arguments = parser.parse_args()
    prepare(arguments.tables)
    searches = []
    with multiprocessing.Pool(initializer=prepare, initargs=(arguments.tables,)) as pool:
        for workers in arguments.workers:
            for function in FUNCTIONS:
                for sampler in samplers(function):
                    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
                    each = [(function, sampler, workers, arguments.trials, seed) for seed in seeds]
                    regrets = sorted(pool.map(regret, each))
                    searches.append(
                        {"function": function, "sampler": sampler, "workers": workers, "regrets": regrets}
                    )
    answer = {
        "version": optuna.__version__,
        "searches": searches,
        "probes": {function: probes(function) for function in FUNCTIONS},
        "suggestion_secs": {
            sampler: suggestion_secs(sampler, arguments.many) for sampler in SAMPLERS
        } if arguments.many else {},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
