"""The shape model: mean and principal modes of the training subjects' forearms.

Both bones together, so that what they share (size, ulnar variance) is one mode.
A latent number has mean 0 and SD 1 over the training subjects.
"""

import json
import struct

import numpy as np

MAGIC = b"BBSM"


class Shape:
    """`vertices = mean + latent @ modes`, in millimeters."""

    def __init__(self, mean, modes, vertices):
        self.mean = mean
        self.modes = modes
        self.vertices = vertices
        # Modes are orthogonal: projecting is dividing by their squared length.
        self.square = (modes.astype(np.float64) ** 2).sum(axis=1)

    @classmethod
    def learn(cls, vertices, per_bone, modes):
        """From [S, V, 3] corresponding vertices of training subjects alone."""
        flat = np.asarray(vertices, np.float64).reshape(len(vertices), -1)
        mean = flat.mean(axis=0)
        centered = flat - mean
        # The subjects' inner products are a far smaller matrix than the vertices'.
        values, vectors = np.linalg.eigh(centered @ centered.T / (len(flat) - 1))
        order = np.argsort(values)[::-1][:modes]
        axes = (centered.T @ vectors[:, order]).T
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        # An axis and its opposite are the same: the larger end counts as positive.
        axes *= np.sign(axes[np.arange(modes), np.abs(axes).argmax(axis=1)])[:, None]
        learned = cls(
            mean.astype(np.float32),
            (axes * np.sqrt(values[order])[:, None]).astype(np.float32),
            per_bone,
        )
        learned.explained = float(values[order].sum() / values.clip(0).sum())
        return learned

    def encode(self, vertices):
        """The latent of [S, V, 3] vertices."""
        flat = np.asarray(vertices, np.float64).reshape(len(vertices), -1)
        return ((flat - self.mean) @ self.modes.T.astype(np.float64) / self.square).astype(np.float32)

    def decode(self, latent):
        """[S, V, 3] vertices of [S, K] latents."""
        return (self.mean + latent @ self.modes).reshape(len(latent), -1, 3)

    def write(self, path, triangles, landmarks):
        """The file that src/anatomy/shape.rs reads."""
        header = {
            "format": "bonebox-shape-1",
            "frame": "model",
            "modes": len(self.modes),
            "landmarks": landmarks,
        }
        for bone, count, faces in zip(("radius", "ulna"), self.vertices, triangles):
            header[bone] = {"vertices": count, "triangles": len(faces)}
        text = json.dumps(header, sort_keys=True).encode()
        with open(path, "wb") as out:
            out.write(MAGIC + struct.pack("<I", len(text)) + text)
            start = 0
            for count, faces in zip(self.vertices, triangles):
                part = slice(start * 3, (start + count) * 3)
                out.write(self.mean[part].astype("<f4").tobytes())
                out.write(np.ascontiguousarray(self.modes[:, part], "<f4").tobytes())
                out.write(np.asarray(faces, "<u4").tobytes())
                start += count
