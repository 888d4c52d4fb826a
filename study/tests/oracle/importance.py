"""Prints what `study/tests/importance.rs` expects: importances as Optuna's PED-ANOVA evaluator has them.

pip install optuna==5.0.0; python study/tests/oracle/importance.py, from the root of the repository.
"""

import csv

import optuna
from optuna.distributions import CategoricalDistribution as Categorical
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int

optuna.logging.set_verbosity(optuna.logging.ERROR)

LENET = {
    "batch_norm": Categorical(["false", "true"]),
    "batch_size": Int(16, 256, log=True),
    "hidden_units": Int(16, 128, step=112),
    "learning_rate": Float(1e-4, 0.3, log=True),
    "optimizer": Categorical(["adamw", "sgd"]),
    "shift_px": Int(0, 2),
}


def lenet():
    for row in csv.DictReader(open("bench/tables/lenet.csv")):
        numbers = {"batch_size": int, "hidden_units": int, "learning_rate": float, "shift_px": int}
        setting = {name: numbers.get(name, str)(row[name]) for name in LENET}
        yield setting, {name: LENET[name] for name in setting}, int(row["validation_9"]) / 5000


def conditional():
    for i in range(200):
        x, k = i * 37 % 101 / 100, i * 53 % 24 + 1
        setting = {"x": x, "k": k, "kind": "abc"[i % 3]}
        if setting["kind"] == "b":
            setting["only_b"] = i * 71 % 97 / 1000 + 0.001
        space = {"x": Float(0, 1), "k": Int(1, 24), "kind": Categorical(["a", "b", "c"])}
        space["only_b"] = Float(0.001, 0.1, log=True)
        loss = (x - 0.3) ** 2 + 0.002 * k + (0.5 * setting["only_b"] if "only_b" in setting else 0.1)
        yield setting, {name: space[name] for name in setting}, loss


def print_importances(name, direction, trials):
    study = optuna.create_study(direction=direction)
    for setting, space, value in trials:
        study.add_trial(optuna.trial.create_trial(params=setting, distributions=space, value=value))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    print(name)
    for parameter, share in optuna.importance.get_param_importances(study, evaluator=evaluator).items():
        print(f'    ("{parameter}", {share!r}),')


print_importances("lenet", "maximize", lenet())
print_importances("conditional", "minimize", conditional())
