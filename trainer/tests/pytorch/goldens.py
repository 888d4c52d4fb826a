"""Writes goldens.json beside itself: what PyTorch, in double precision, makes of each layer and of
20 steps of whole trainings. The trainer's tests compare with it; no test runs this.

Made with Python 3.11 and PyTorch 2.15: python3 goldens.py
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

STEPS = 20
IMAGES = 16


def value(index):
    """A number from -0.5 to 0.5 that single precision holds exactly; the tests have the same one."""
    mixed = (index + 1) * 2654435761 % 2**32
    mixed = (mixed ^ mixed >> 15) * 2246822519 % 2**32
    return ((mixed ^ mixed >> 13) >> 8) / 2**24 - 0.5


def values(shape, seed):
    count = math.prod(shape)
    return torch.tensor([value(10000 * seed + i) for i in range(count)]).reshape(shape)


def listed(tensor):
    return [float(f"{number:.7g}") for number in tensor.detach().flatten().tolist()]


def traced(function, shapes, seed=0):
    """Result and gradients of a function of drawn tensors; the result's gradient is drawn too."""
    arguments = [values(shape, seed + i).requires_grad_() for i, shape in enumerate(shapes)]
    result = function(*arguments)
    result.backward(values(result.shape, seed + len(shapes)))
    return {
        "shapes": [list(shape) for shape in shapes],
        "result": listed(result),
        "gradients": [listed(argument.grad) for argument in arguments],
    }


def convolution(pool):
    def layer(images, weights, bias):
        convolved = F.conv2d(images, weights, bias)
        return F.max_pool2d(convolved, 2) if pool else convolved

    return layer


def batch_norm(of_batch):
    def layer(images, scale, shift):
        channels = images.shape[1]
        mean, variance = values([channels], 90), values([channels], 91) + 1
        return F.relu(F.batch_norm(images, mean, variance, scale, shift, training=of_batch))

    return layer


def dropped(images):
    kept = torch.arange(images.numel()).reshape(images.shape) % 3 > 0
    return images * kept / (1 - 0.25)


def loss(smoothing):
    logits = (8 * values([6, 5], 0)).requires_grad_()
    result = F.cross_entropy(logits, torch.arange(6) % 5, label_smoothing=smoothing)
    result.backward()
    return {"smoothing": smoothing, "loss": result.item(), "gradient": listed(logits.grad)}


def updated(kind, **settings):
    """Weights after each of some updates with drawn gradients."""
    weights = values([21], 0).requires_grad_()
    optimizer = kind([weights], **settings)
    after = []
    for step in range(4):
        weights.grad = values([21], 1 + step)
        optimizer.step()
        after.append(listed(weights))
    return after


class Model(nn.Module):
    def __init__(self, conv1, middle, conv2, kernel, hidden, batch_norm):
        super().__init__()
        norm = lambda channels: nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.conv1, self.norm1 = nn.Conv2d(1, conv1, kernel), norm(conv1)
        if middle:
            self.middle, self.middle_norm = nn.Conv2d(conv1, middle, 3), norm(middle)
        self.conv2, self.norm2 = nn.Conv2d(middle or conv1, conv2, 3), norm(conv2)
        self.hidden = nn.LazyLinear(hidden)
        self.norm3 = nn.BatchNorm1d(hidden) if batch_norm else nn.Identity()
        self.output = nn.Linear(hidden, 4)

    def forward(self, images):
        features = F.relu(self.norm1(F.max_pool2d(self.conv1(images), 2)))
        if hasattr(self, "middle"):
            features = F.relu(self.middle_norm(self.middle(features)))
        features = F.relu(self.norm2(F.max_pool2d(self.conv2(features), 2)))
        return self.output(F.relu(self.norm3(self.hidden(features.flatten(1)))))


def training(size, smoothing, one_cycle, kind, settings, **sizes):
    model = Model(**sizes)
    images = lambda step: 2 * values([IMAGES, 1, *size], 100 + step)
    with torch.no_grad():
        model(images(0))  # tells the hidden layer how many inputs it has
        for seed, parameter in enumerate(model.parameters()):
            parameter.copy_(values(parameter.shape, seed))
        for name, statistics in model.named_buffers():
            statistics.fill_(1 if name.endswith("running_var") else 0)
    optimizer = kind(model.parameters(), **settings)
    rate = settings["lr"]
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=STEPS, pct_start=0.2, cycle_momentum=False
    )
    losses = []
    for step in range(STEPS):
        if not one_cycle:
            optimizer.param_groups[0]["lr"] = rate
        result = F.cross_entropy(
            model(images(step)), torch.arange(step, step + IMAGES) % 4, label_smoothing=smoothing
        )
        optimizer.zero_grad()
        result.backward()
        optimizer.step()
        scheduler.step()
        losses.append(result.item())
    tensors = model.state_dict()
    return {
        "losses": losses,
        "tensors": {
            name: listed(tensor)
            for name, tensor in tensors.items()
            if not name.endswith("num_batches_tracked")
        },
        "logits": listed(model.eval()(images(STEPS))),
    }


SMALL = {"conv1": 3, "middle": 0, "conv2": 9, "kernel": 3, "hidden": 7, "batch_norm": False}
FULL = {"conv1": 8, "middle": 5, "conv2": 9, "kernel": 5, "hidden": 11, "batch_norm": True}
ADAMW = (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1})
SGD = (torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.1, "momentum": 0.9})

goldens = {
    "pooled_convolution": traced(convolution(True), [[2, 3, 12, 13], [9, 3, 5, 5], [9]]),
    "unpooled_convolution": traced(convolution(False), [[2, 8, 8, 7], [5, 8, 3, 3], [5]]),
    "batch_norm_of_batch": traced(batch_norm(True), [[5, 6, 3, 2], [6], [6]]),
    "batch_norm_of_running": traced(batch_norm(False), [[5, 6, 3, 2], [6], [6]]),
    "linear": traced(F.linear, [[7, 19], [11, 19], [11]]),
    "dropout": traced(dropped, [[5, 7]]),
    "losses": [loss(0.0), loss(0.1)],
    "adamw": updated(ADAMW[0], **ADAMW[1]),
    "sgd": updated(SGD[0], **SGD[1]),
    "plain_adamw": training([14, 12], 0.0, False, *ADAMW, **SMALL),
    "plain_sgd": training([14, 12], 0.0, False, *SGD, **SMALL),
    "full_adamw": training([19, 18], 0.1, True, *ADAMW, **FULL),
    "full_sgd": training([19, 18], 0.1, True, *SGD, **FULL),
}
text = ",\n".join(f'"{name}": {json.dumps(golden, separators=(",", ":"))}' for name, golden in goldens.items())
Path(__file__).with_name("goldens.json").write_text("{\n" + text + "\n}\n")
