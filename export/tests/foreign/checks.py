"""Reads exports with the tools that they are for: checks.py models|study FOLDER."""

import collections
import json
import pathlib
import sys
import threading
import urllib.request
import warnings
import wsgiref.simple_server

import numpy

# Highest difference of a probability: both compute in single precision, in another order.
TOLERANCE = 1e-5


def check_models(folder):
    images = numpy.fromfile(folder / "images.bin", numpy.uint8).reshape(-1, 1, 28, 28)
    assert len(images) == 1000, len(images)
    for model in sorted(path for path in folder.iterdir() if path.is_dir()):
        difference = check_onnx(model, images.astype(numpy.float32))
        check_safetensors(model)
        print(f"{model.name}: differs by {difference:.1e} at most")


def check_onnx(folder, images):
    import onnx
    import onnxruntime

    model = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [opset.version for opset in model.opset_import] == [17]
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    check_metadata(metadata)
    assert metadata["views"] == "1", metadata
    scored_views = "5" if folder.name == "five-views" else "1"
    assert metadata["scored_views"] == scored_views, metadata
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["images"]
    probabilities, logits = session.run(["probabilities", "logits"], {"images": images})
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    assert numpy.abs(softmax - probabilities).max() < TOLERANCE
    own = numpy.fromfile(folder / "probabilities.bin", numpy.float32).reshape(probabilities.shape)
    # Answers that are all alike would agree whatever the graph computes.
    assert len(set(own.argmax(axis=1))) > 3, "the model has learnt nothing"
    difference = numpy.abs(own - probabilities).max()
    assert difference < TOLERANCE, difference
    alone = session.run(["probabilities"], {"images": images[:1]})[0]
    assert numpy.abs(alone - probabilities[:1]).max() < TOLERANCE
    return difference


def check_safetensors(folder):
    import safetensors

    file = folder / "model.safetensors"
    with safetensors.safe_open(file, "np") as exported:
        metadata = exported.metadata()
        check_metadata(metadata)
        assert metadata["format"] == "pt", metadata
        with safetensors.safe_open(folder / "weights.safetensors", "np") as weights:
            assert sorted(exported.keys()) == sorted(weights.keys())
            for name in weights.keys():
                assert (exported.get_tensor(name) == weights.get_tensor(name)).all(), name
        assert exported.get_tensor("conv1.weight").shape[1] == 1


def check_metadata(metadata):
    assert metadata["study"] == 'Digits, "quoted" ✓', metadata
    assert (metadata["study_id"], metadata["trial"]) == ("3", "4"), metadata
    assert metadata["seed"] == "18446744073709551615", metadata
    assert json.loads(metadata["setting"])["batch_size"] == 50, metadata
    assert (metadata["validation_score"], metadata["test_score"]) == ("0.5", "0.25"), metadata
    assert metadata["test_sha256"] == "3" * 64, metadata
    assert (metadata["pixel_mean"], metadata["pixel_deviation"]) == ("0.1307", "0.3081"), metadata


def check_study(folder):
    expected = json.loads((folder / "expected.json").read_text())
    with open(folder / "trials.jsonl", encoding="utf-8") as file:
        trials = [json.loads(line) for line in file]
    assert [trial["number"] for trial in trials] == list(range(len(trials)))
    check_table(folder / "trials.csv", trials)
    check_journal(str(folder / "optuna.log"), trials, expected)
    print(f"{len(trials)} trials")


def check_table(file, trials):
    import pandas

    table = pandas.read_csv(file, dtype={"seed": str}, parse_dates=["started", "ended"])
    assert len(table) == len(trials)
    assert list(table["state"]) == [trial["state"] for trial in trials]
    verified = table[table["state"] == "verified"]
    assert set(verified["validation_score"]) == {0.75}
    assert set(table["seed"]) == {"18446744073709551615"}
    assert table["validation_score"].count() == len(verified)
    missing = [trial["parameters"].get("dropout") is None for trial in trials]
    assert list(table["params_dropout"].isna()) == missing
    assert set(table["volunteer"].dropna()) == {"'=cmd, \"ada\" ✓"}
    took = (verified["ended"] - verified["started"]).dt.total_seconds()
    assert set(took) == {60.5}, took


def check_journal(path, trials, expected):
    import optuna

    warnings.simplefilter("error")
    backend = optuna.storages.journal.JournalFileBackend(path)
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.load_study(study_name=None, storage=storage)
    assert study.study_name == 'Ends, and "everything" ✓', study.study_name
    assert study.user_attrs["dataset"] == "digits", study.user_attrs
    minimizes = expected["minimizes"]
    direction = optuna.study.StudyDirection.MINIMIZE if minimizes else optuna.study.StudyDirection.MAXIMIZE
    assert study.direction == direction
    read = study.get_trials()
    states = collections.Counter(STATES[trial["state"]] for trial in trials)
    if expected["has_finished"]:
        resting = sum(trial["state"] == "paused" for trial in trials)
        states.update({"PRUNED": resting, "RUNNING": -resting})
    assert collections.Counter(trial.state.name for trial in read) == states
    for ours, theirs in zip(trials, read, strict=True):
        check_trial(ours, theirs, minimizes)
    assert study.best_value == (0.25 if minimizes else 0.75), study.best_value
    assert set(study.trials_dataframe()["params_optimizer"]) == {"sgd"}
    check_dashboard(storage, len(trials))
    # Optuna goes on where the study is: with the trial that waits, as it is.
    asked = study.ask()
    assert trials[asked.number]["state"] == "waiting", asked.number
    assert asked.suggest_float("learning_rate", 1e-3, 0.1, log=True) == 0.01


STATES = {
    "waiting": "WAITING",
    "running": "RUNNING",
    "checking": "RUNNING",
    "paused": "RUNNING",
    "verified": "COMPLETE",
    "pruned": "PRUNED",
    "diverged": "FAIL",
    "failed": "FAIL",
    "cancelled": "FAIL",
}


def check_trial(ours, theirs, minimizes):
    theirs._validate()
    assert theirs.number == ours["number"]
    setting = {**theirs.params, **{name: theirs.user_attrs[name] for name in ours["parameters"] if name not in theirs.params}}
    assert setting == ours["parameters"], (setting, ours)
    assert ("hidden_units" in theirs.params) == (ours["parameters"]["hidden_units"] == 96)
    assert "epochs" not in theirs.params
    score = lambda share: 1 - share if minimizes else share
    epochs = {epoch["epoch"]: score(epoch["validation_score"]) for epoch in ours["epochs"]}
    assert theirs.intermediate_values == epochs
    assert theirs.user_attrs["state"] == ours["state"]
    assert theirs.user_attrs.get("volunteer") == ours["volunteer"]
    if ours["state"] == "verified":
        assert theirs.value == score(ours["validation_score"])
        assert theirs.user_attrs["test_score"] == ours["test_score"]
        assert theirs.user_attrs["weights_sha256"] == ours["weights_sha256"]
        assert theirs.duration.total_seconds() == 60.5


def check_dashboard(storage, count):
    import optuna_dashboard

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *arguments):
            pass

    application = optuna_dashboard.wsgi(storage)
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/api/studies"
    with urllib.request.urlopen(address) as answer:
        [summary] = json.load(answer)["study_summaries"]
    assert summary["study_name"] == 'Ends, and "everything" ✓', summary
    with urllib.request.urlopen(f"{address}/{summary['study_id']}") as answer:
        assert len(json.load(answer)["trials"]) == count
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    part, folder = sys.argv[1:]
    {"models": check_models, "study": check_study}[part](pathlib.Path(folder))
