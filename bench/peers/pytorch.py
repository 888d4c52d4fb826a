"""PyTorch on one thread, measured like the product: a line of JSON asks for training or
classification for a time, a line of JSON says what was done.

Decides how PyTorch is used: `--configuration as_written` is what people write, `best` the fastest of
several ways, tried out for every setting. The product's model, batches, shuffling, shifts and dropout
are done as a good user of PyTorch would; it does not know what the product makes of the same setting.
"""

import argparse
import contextlib
import functools
import json
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

CLASSES = 10
PIXEL_MEAN, PIXEL_DEVIATION = 0.1307, 0.3081
# Each way is tried this often for so long, all in turn, compilation apart.
TRIES, TRY_SECS = 3, 0.4


def read_images(path):
    """Images [n, 1, 28, 28], normalised, and labels [n] of a safetensors file."""
    file = path.read_bytes()
    first = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:first])

    def tensor(name):
        start, end = header[name]["data_offsets"]
        flat = torch.frombuffer(bytearray(file[first + start : first + end]), dtype=torch.uint8)
        return flat.view(header[name]["shape"])

    images = (tensor("images").float() / 255 - PIXEL_MEAN) / PIXEL_DEVIATION
    return images.unsqueeze(1).contiguous(), tensor("labels").long()


def lenet(setting):
    """(convolution → pool → batch-norm → ReLU) × 2 → hidden layer → batch-norm → ReLU → dropout →
    output."""
    kernel, hidden = setting["kernel_size"], setting["hidden_units"]
    channels = [1, setting["conv1_channels"], setting["conv2_channels"]]
    layers = []
    size = 28
    for before, after in zip(channels, channels[1:]):
        layers += [nn.Conv2d(before, after, kernel), nn.MaxPool2d(2)]
        layers += [nn.BatchNorm2d(after)] if setting["batch_norm"] else []
        layers += [nn.ReLU()]
        size = (size - kernel + 1) // 2
    layers += [nn.Flatten(), nn.Linear(channels[-1] * size * size, hidden)]
    layers += [nn.BatchNorm1d(hidden)] if setting["batch_norm"] else []
    layers += [nn.ReLU()]
    layers += [nn.Dropout(setting["dropout"])] if setting["dropout"] > 0 else []
    layers += [nn.Linear(hidden, CLASSES)]
    return nn.Sequential(*layers)


@dataclass(frozen=True)
class Way:
    """One way of using PyTorch."""

    channels_last: bool = False
    fused: bool = False
    compiled: bool = False
    scripted: bool = False
    inference_mode: bool = False

    def __str__(self):
        words = ["channels_last" if self.channels_last else "contiguous"]
        words += [name for name in ("fused", "compiled", "scripted", "inference_mode") if getattr(self, name)]
        return ", ".join(words)


AS_WRITTEN = Way()
BEST_STEPS = [
    Way(channels_last=channels_last, fused=True, compiled=compiled)
    for channels_last in (True, False)
    for compiled in (False, True)
]
BEST_FORWARD = [
    Way(channels_last=channels_last, inference_mode=True, **form)
    for channels_last in (True, False)
    for form in ({}, {"scripted": True}, {"compiled": True})
]


@functools.cache
def shifted_windows(images, shift):
    """A view [n, down, right, 28, 28] of the padded images: nothing is copied before a batch."""
    black = -PIXEL_MEAN / PIXEL_DEVIATION
    padded = nn.functional.pad(images, (shift,) * 4, value=black)
    return padded.squeeze(1).unfold(1, 28, 1).unfold(2, 28, 1)


class Steps:
    """Training, step by step: shuffle, gather, shift, forward, backward, AdamW."""

    def __init__(self, data, setting, way):
        self.setting = setting
        self.images, self.labels = data["training"]
        self.model = placed(lenet(setting), way)
        self.forward = torch.compile(self.model) if way.compiled else self.model
        self.way = way
        self.loss = nn.CrossEntropyLoss(label_smoothing=setting["label_smoothing"])
        rate, decay = setting["learning_rate"], setting["weight_decay"]
        fused = {"fused": True} if way.fused else {}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=decay, **fused)
        self.batch = setting["batch_size"]
        self.scheduler = self.one_cycle() if setting["schedule"] == "one_cycle" else None
        self.shift = setting["shift_px"]
        self.windows = shifted_windows(self.images, self.shift) if self.shift > 0 else None
        self.order, self.start = torch.randperm(len(self.images)), 0
        self.loss_sum = 0.0
        self.model.train()

    def one_cycle(self):
        steps = self.setting["epochs"] * (len(self.images) // self.batch + 1)
        rate = self.setting["learning_rate"]
        return torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=steps, pct_start=0.2, cycle_momentum=False
        )

    def next_batch(self):
        # The last, smaller batch is dropped: compiled code would be compiled once more for it.
        if self.start + self.batch > len(self.order):
            self.order, self.start = torch.randperm(len(self.images)), 0
        index = self.order[self.start : self.start + self.batch]
        self.start += self.batch
        if self.shift == 0:
            return self.images[index], self.labels[index]
        down, right = torch.randint(2 * self.shift + 1, (2, self.batch))
        return self.windows[index, down, right].unsqueeze(1), self.labels[index]

    def run(self):
        images, labels = self.next_batch()
        images = ordered(images, self.way)
        self.optimizer.zero_grad()
        loss = self.loss(self.forward(images), labels)
        loss.backward()
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        self.loss_sum += loss.item()
        return self.batch


class Forward:
    """Classification of images that are normalised already, counting those in their class."""

    def __init__(self, data, setting, way):
        images, self.labels = data["validation"]
        self.batch = setting["batch_size"]
        self.images = ordered(images, way)
        self.way = way
        self.model = self.formed(placed(lenet(setting), way).eval())
        self.start = 0
        self.correct = 0

    def formed(self, model):
        if self.way.scripted:
            example = self.images[: self.batch]
            with torch.no_grad():
                return torch.jit.optimize_for_inference(torch.jit.trace(model, example))
        if self.way.compiled:
            return torch.compile(model, options={"freezing": True})
        return model

    def run(self):
        if self.start + self.batch > len(self.images):
            self.start = 0
        part = slice(self.start, self.start + self.batch)
        self.start += self.batch
        with torch.inference_mode() if self.way.inference_mode else torch.no_grad():
            logits = self.model(self.images[part])
            self.correct += (logits.argmax(1) == self.labels[part]).sum().item()
        return self.batch


def placed(model, way):
    return model.to(memory_format=torch.channels_last) if way.channels_last else model


def ordered(images, way):
    return images.contiguous(memory_format=torch.channels_last) if way.channels_last else images


class Peer:
    """Everything measured so far, each going on from the last time."""

    def __init__(self, data, is_best):
        self.data = data
        self.is_best = is_best
        self.chosen = {}

    def answer(self, request):
        if request["do"] != "measure":
            return {"error": f"PyTorch is not asked to {request['do']}"}
        work, setting = request["work"], request["setting"]
        key = json.dumps([work, setting], sort_keys=True)
        if key not in self.chosen:
            self.chosen[key] = self.fastest(Steps if work == "step" else Forward, setting)
        way, task = self.chosen[key]
        images, seconds = done_within(task, request["seconds"])
        name = str(way) if self.is_best else None
        return {"images": images, "seconds": seconds, "configuration": name}

    def fastest(self, kind, setting):
        if not self.is_best:
            return AS_WRITTEN, kind(self.data, setting, AS_WRITTEN)
        tasks = self.working(kind, setting)
        speeds = {way: [] for way in tasks}
        for _ in range(TRIES):
            for way, task in tasks.items():
                images, seconds = done_within(task, TRY_SECS)
                speeds[way].append(images / seconds)
        for way, each in speeds.items():
            print(f"PyTorch, {kind.__name__}, {way}: {max(each):.0f} images/s", file=sys.stderr)
        way = max(tasks, key=lambda way: max(speeds[way]))
        return way, tasks[way]

    def working(self, kind, setting):
        """All ways that work here, warmed up."""
        tasks = {}
        for way in BEST_STEPS if kind is Steps else BEST_FORWARD:
            try:
                task = kind(self.data, setting, way)
                done_within(task, TRY_SECS)
                tasks[way] = task
            except Exception as error:  # No compiler, for instance: one way less.
                print(f"PyTorch, {way}: {str(error).strip().splitlines()[:1]}", file=sys.stderr)
        return tasks


def done_within(task, seconds):
    start = time.perf_counter()
    images = 0
    while time.perf_counter() - start < seconds:
        images += task.run()
    return images, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--configuration", choices=["as_written", "best"], required=True)
    arguments = parser.parse_args()
    # Some of the fastest ways are going out of fashion.
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    is_best = arguments.configuration == "best"
    if is_best:
        torch.set_flush_denormal(True)
    # Whatever libraries print belongs to the terminal: standard output is the conversation's.
    conversation = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    data = {name: read_images(arguments.data / f"{name}.safetensors") for name in ("training", "validation")}
    peer = Peer(data, is_best)
    print(json.dumps({"ready": {"PyTorch": torch.__version__}}), file=conversation, flush=True)
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            answer = peer.answer(json.loads(line))
        print(json.dumps(answer), file=conversation, flush=True)


if __name__ == "__main__":
    main()
