"""Writes a model's card: what its files are and how wrong it was measured to be.

    python3 training/card.py MODEL VALIDATION-REPORT TEST-REPORT [--version N]

The reports come from the judge in Rust (src/workbench/model_error.rs). The
stated half-widths are those of the validation subjects; the test subjects are
only reported.
"""

import argparse
import hashlib
import json
from pathlib import Path

FILES = {
    "predictor": {
        "file": "predictor.onnx",
        "inputs": [
            {"name": "pa", "shape": [1, 1, 128, 128],
             "unit": "field of the posteroanterior image, 0 to 1, bone bright, as a right wrist"},
            {"name": "lateral", "shape": [1, 1, 128, 128],
             "unit": "field of the lateral image, the same way; all 0 when there is none"},
            {"name": "context", "shape": [1, 12],
             "unit": "PA: ln(SID/1100 mm), principal point x and y in dm, 1 if there; lateral: the same; 4 zeros"},
        ],
        "outputs": [
            {"name": "latent", "shape": [1, "modes"], "unit": "SD of the training subjects"},
            {"name": "log_variance", "shape": [1, "modes"], "unit": "ln of the latent's variance"},
            {"name": "pose", "shape": [1, 2, 2, 6],
             "unit": "view (PA, lateral) x bone (radius, ulna) x (rotation vector rad from the view's "
                     "nominal position, translation mm of the model's origin), detector frame"},
        ],
    },
    "decoder": {
        "file": "decoder.onnx",
        "inputs": [{"name": "latent", "shape": [1, "modes"], "unit": "SD of the training subjects"}],
        "outputs": [
            {"name": "radius", "shape": [1, "radius", 3], "unit": "mm, model frame"},
            {"name": "ulna", "shape": [1, "ulna", 3], "unit": "mm, model frame"},
        ],
    },
    "template": {"file": "template.bin"},
    "golden": {"file": "golden.json"},
    "training": {"file": "training.json"},
}

FRAMES = {
    "model": "right forearm; x radial, y dorsal, z distal along the radius' shaft; origin where that axis "
             "meets the radius' joint surface; mm",
    "detector": "origin at the detector's center; x to increasing columns, y to increasing rows, z from "
                "source to detector; the bones lie at negative z; mm",
    "nominal_pa": [[-1, 0, 0], [0, 0, -1], [0, -1, 0]],
    "nominal_lateral": [[0, 1, 0], [0, 0, -1], [-1, 0, 0]],
    "pose": "x_detector = R(rotation vector) @ nominal @ x_model + translation",
    "left": "a left wrist's images are turned left to right before, and the bones mirrored at x = 0 after",
}

NORMALIZATION = {
    "field_pixels": 128,
    "field_pixel_mm_at_detector": 0.8,
    "crop": "around the image's center, mean over each pixel's area, 0 outside the image",
    "scale": "1st percentile of what lies inside becomes 0, 99th becomes 1, clamped",
    "code": "src/radiography/field.rs, for training and appliance alike",
}

ORIGIN = {
    "shapes": "invented by this project's generator (src/phantom) from published means and SDs; no person's bones",
    "images": "simulated by src/radiography; no real X-ray",
    "license": "MIT OR Apache-2.0",
    "commands": ["training/train.sh"],
    "allows": "statements about simulated X-rays of bones of this generator",
    "forbids": "any statement of accuracy on real X-rays, on children, fractures, malunion or hardware",
}


def rounded(value):
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return value


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("model", type=Path)
    ask.add_argument("validation", type=Path)
    ask.add_argument("test", type=Path)
    ask.add_argument("--version", type=int, default=1)
    asked = ask.parse_args()
    validation = json.loads(asked.validation.read_text())
    test = json.loads(asked.test.read_text())
    training = json.loads((asked.model / "training.json").read_text())
    golden = json.loads((asked.model / "golden.json").read_text())["decoder"]["outputs"]
    sizes = {"modes": training["modes"], **{bone: tensor["shape"][1] for bone, tensor in golden.items()}}
    files = []
    for name, entry in FILES.items():
        digest = hashlib.sha256((asked.model / entry["file"]).read_bytes()).hexdigest()
        ports = {side: [{**port, "shape": [sizes.get(n, n) for n in port["shape"]]} for port in entry[side]]
                 for side in ("inputs", "outputs") if side in entry}
        files.append({"name": name, "file": entry["file"], "sha256": digest, **ports})
    card = {
        "model": f"wrist-tl@{asked.version}",
        "about": "Distal radius and ulna from a posteroanterior and a lateral wrist X-ray. Research use, not a "
                 "diagnosis. Measured on simulated X-rays of synthetic bones only.",
        "files": files,
        "measured": {
            "on": "simulated-xray",
            "subjects": validation["subjects"],
            "half_width_95": {key: round(m["half_width_95"], 2) for key, m in validation["measures"].items()},
            "residual_sd": {key: round(m["sd"], 2) for key, m in validation["measures"].items()},
        },
        "validation": rounded(validation),
        "test": rounded(test),
        "frames": FRAMES,
        "normalization": NORMALIZATION,
        "training": {key: training[key] for key in
                     ("seed", "sets", "modes", "variance_explained", "representation_vertex_rms_mm", "seconds")},
        "origin": ORIGIN,
    }
    for bone in ("radius", "ulna"):
        said, null = test[bone]["rms_aligned_mm"], test[bone]["null_rms_aligned_mm"]
        print(f"{bone}: {said['mean']:.2f} ± {said['sd']:.2f} mm, mean shape {null['mean']:.2f} ± {null['sd']:.2f} mm")
        if said["mean"] > 0.8 * null["mean"]:
            raise SystemExit(f"the {bone} is hardly better than the mean shape: no card for this")
    (asked.model / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    for key, m in test["measures"].items():
        print(f"{key}: RMS {m['rms']:.2f} (mean {m['mean']:+.2f}), mean shape {m['null_rms']:.2f}")
    print(f"simulated, {test['subjects']} subjects never seen")


if __name__ == "__main__":
    main()
