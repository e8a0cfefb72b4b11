"""Learns the wrist's T-L model: shape modes first, then the predictor.

    python3 training/train.py SETS MODEL [--epochs N]

SETS holds the packed sets training, validation and test; MODEL receives
predictor.onnx, decoder.onnx, template.bin, golden.json, training.json, and the
predictions that the judge (in Rust, from regenerated subjects) measures.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from data import PackedSet, apart
from predictor import Decoder, Predictor
from shape import Shape

MODES = 24
SEED = 20261123
BATCH = 64
# Field pixels by which a pair is shifted at random, and mm a pixel.
SHIFT, PIXEL_MM = 5, 0.8
# How often the lateral is taken away, so that its absence is known.
DROP_LATERAL = 0.06


def shifted(fields, context, poses, random):
    """Moves each view over the detector: exact in a cone beam when the bones and
    the principal point move along."""
    count = len(fields)
    steps = random.integers(-SHIFT, SHIFT + 1, (count, 2, 2))
    moved = np.empty_like(fields)
    for i in range(count):
        for view in range(2):
            down, right = steps[i, view]
            padded = np.pad(fields[i, view], SHIFT, mode="edge")
            top, left = SHIFT - down, SHIFT - right
            moved[i, view] = padded[top : top + 128, left : left + 128]
    mm = steps[..., ::-1].astype(np.float32) * PIXEL_MM
    context = context.copy()
    context[:, [1, 2]] += mm[:, 0] / 100.0
    context[:, [5, 6]] += mm[:, 1] / 100.0
    poses = poses.copy()
    poses[..., 3:5] += mm[:, :, None]
    return moved, context, poses


def batch(data, subjects, visits, random):
    """A batch as the network takes it; with a random source, varied."""
    fields = data.fields[subjects, visits]
    context = np.asarray(data.context[subjects, visits])
    poses = np.asarray(data.poses[subjects, visits])
    if random is not None:
        fields, context, poses = shifted(fields, context, poses, random)
    seen = fields.astype(np.float32) / 255.0
    if random is not None:
        n = len(seen)
        gamma = np.exp(random.normal(0.0, 0.15, (n, 2, 1, 1))).astype(np.float32)
        gain = random.uniform(0.9, 1.1, (n, 2, 1, 1)).astype(np.float32)
        noise = random.standard_normal(seen.shape, np.float32)
        level = random.uniform(0.0, 0.03, (n, 2, 1, 1)).astype(np.float32)
        seen = np.clip(seen**gamma * gain + noise * level, 0.0, 1.0)
        gone = random.random(n) < DROP_LATERAL
        seen[gone, 1] = 0.0
        context[gone, 4:8] = 0.0
    views = torch.from_numpy(seen)
    return views[:, :1], views[:, 1:], torch.from_numpy(context), torch.from_numpy(poses)


def loss_of(said, latent, poses, weights, measure_map, pose_sd):
    """Shape by vertices, by mode and by measure; pose; stated variance."""
    z, log_variance, pose = said
    gap = z - latent
    modes = (gap**2).mean()
    surface = ((gap**2) * weights).sum(dim=1).mean()
    measures = ((gap @ measure_map) ** 2).mean()
    turn = (((pose - poses).reshape(len(pose), -1) / pose_sd) ** 2).mean()
    stated = 0.5 * (gap.detach() ** 2 * torch.exp(-log_variance) + log_variance).mean()
    return 0.5 * modes + surface + 1.5 * measures + turn + 0.05 * stated


def predict(network, data):
    """Latents and poses of the first visit of every subject."""
    network.eval()
    latents, spreads, poses = [], [], []
    with torch.no_grad():
        for start in range(0, len(data.fields), 128):
            subjects = np.arange(start, min(start + 128, len(data.fields)))
            *views, _ = batch(data, subjects, np.zeros_like(subjects), None)
            z, spread, pose = network(*views)
            latents.append(z.numpy())
            spreads.append(spread.numpy())
            poses.append(pose.numpy())
    return np.concatenate(latents), np.concatenate(spreads), np.concatenate(poses)


def learn(training, validation, shape, epochs, log):
    """The predictor with the weights of the last epoch, after a falling rate."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    latent = torch.from_numpy(shape.encode(training.vertices))
    held = shape.encode(validation.vertices)
    poses = np.asarray(training.poses).reshape(-1, 24)
    pose_sd = torch.from_numpy(poses.std(axis=0))
    network = Predictor(MODES, torch.from_numpy(poses.mean(axis=0)), pose_sd)
    weights = torch.from_numpy((shape.square / shape.square.sum()).astype(np.float32))
    measures = np.asarray(training.measures)
    scaled = (measures - measures.mean(axis=0)) / measures.std(axis=0)
    measure_map = torch.from_numpy(np.linalg.lstsq(latent.numpy(), scaled, rcond=None)[0])
    left = scaled - latent.numpy() @ measure_map.numpy()
    log["measures_not_in_the_modes_sd"] = left.std(axis=0).round(3).tolist()

    visits = training.fields.shape[1]
    every = np.stack(np.meshgrid(np.arange(len(latent)), np.arange(visits), indexing="ij"), -1).reshape(-1, 2)
    steps = epochs * (len(every) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.5e-3, total_steps=steps)
    started = time.time()
    for epoch in range(epochs):
        network.train()
        random.shuffle(every)
        total = 0.0
        for start in range(0, len(every) - BATCH + 1, BATCH):
            subjects, visit = every[start : start + BATCH].T
            *views, pose = batch(training, subjects, visit, random)
            loss = loss_of(network(*views), latent[subjects], pose, weights, measure_map, pose_sd)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        z, _, found = predict(network, validation)
        gap = z - held
        entry = {
            "epoch": epoch + 1,
            "loss": round(total / (len(every) // BATCH), 4),
            "vertex_rms_mm": round(float(np.sqrt((gap**2 @ shape.square).mean() / len(shape.mean) * 3)), 3),
            "variance_left": round(float((gap**2).mean()), 3),
            "pose_rms": np.sqrt(((found - validation.poses[:, 0]) ** 2).mean(axis=(0, 1, 2))).round(3).tolist(),
            "seconds": round(time.time() - started),
        }
        log["epochs"].append(entry)
        print(json.dumps(entry), flush=True)
    network.eval()
    return network


def export(network, shape, folder, test):
    """Both networks as ONNX with static shapes, and a golden answer of each."""
    decoder = Decoder(shape).eval()
    one = np.array([0])
    *views, _ = batch(test, one, one, None)
    names = ["pa", "lateral", "context"]
    outputs = ["latent", "log_variance", "pose"]
    # Thousandths, so that the golden file stays small and is read without loss.
    views = [(view * 1000).round() / 1000 for view in views]
    with torch.no_grad():
        said = network(*views)
        bones = decoder(said[0])
    options = {"opset_version": 16, "do_constant_folding": True}
    torch.onnx.export(network, tuple(views), str(folder / "predictor.onnx"),
                      input_names=names, output_names=outputs, **options)
    torch.onnx.export(decoder, (said[0],), str(folder / "decoder.onnx"),
                      input_names=["latent"], output_names=["radius", "ulna"], **options)

    def tensor(value, digits):
        numbers = value.numpy().astype(np.float64).reshape(-1).round(digits).tolist()
        return {"shape": list(value.shape), "data": numbers}

    golden = {
        "predictor": {
            "inputs": {n: tensor(v, 7 if n == "context" else 3) for n, v in zip(names, views)},
            "outputs": {n: tensor(v, 5) for n, v in zip(outputs, said)},
            "tolerance": 0.02,
        },
        "decoder": {
            "inputs": {"latent": tensor(said[0], 7)},
            "outputs": {n: tensor(v, 3) for n, v in zip(("radius", "ulna"), bones)},
            "tolerance": 0.02,
        },
    }
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("sets", type=Path)
    ask.add_argument("model", type=Path)
    ask.add_argument("--epochs", type=int, default=14)
    ask.add_argument("--threads", type=int, default=2)
    asked = ask.parse_args()
    torch.set_num_threads(asked.threads)
    training, validation, test = (PackedSet(asked.sets, n) for n in ("training", "validation", "test"))
    apart(training, validation, test)
    asked.model.mkdir(parents=True, exist_ok=True)

    started = time.time()
    log = {"seed": SEED, "batch": BATCH, "epochs": []}
    shape = Shape.learn(training.vertices[:3000], training.description["vertices"], MODES)
    log["modes"] = MODES
    log["variance_explained"] = round(shape.explained, 5)
    held = np.asarray(validation.vertices)
    left = shape.decode(shape.encode(held)) - held
    log["representation_vertex_rms_mm"] = round(float(np.sqrt((left**2).sum(-1).mean())), 3)
    print(json.dumps(log), flush=True)
    description = training.description
    shape.write(asked.model / "template.bin", description["triangles"], description["landmarks"])

    network = learn(training, validation, shape, asked.epochs, log)
    export(network, shape, asked.model, test)
    for name, held in (("validation", validation), ("test", test)):
        z, spread, pose = predict(network, held)
        said = {"set": name, "seeds": list(held.description["seeds"]), "visit": 0,
                "latent": z.round(5).tolist(), "log_variance": spread.round(4).tolist(),
                "pose": pose.reshape(len(pose), 24).round(5).tolist()}
        (asked.sets / f"{name}-predictions.json").write_text(json.dumps(said))
    log["sets"] = {name:
                   {"seeds": one.description["seeds"], "subjects": one.description["subjects"],
                    "visits": one.description["visits"]}
                   for name, one in (("training", training), ("validation", validation), ("test", test))}
    log["seconds"] = round(time.time() - started)
    (asked.model / "training.json").write_text(json.dumps(log, indent=1) + "\n")


if __name__ == "__main__":
    main()
