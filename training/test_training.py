"""What must hold of the training code, without training."""

import json
import struct
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from data import PackedSet, apart
from predictor import Decoder, Predictor
from shape import Shape
from train import SHIFT, shifted


def some_shape(modes=3):
    random = np.random.default_rng(1)
    basis = random.normal(size=(3, 5 * 3))
    vertices = (random.normal(size=(200, 3)) @ basis + 7.0).reshape(200, 5, 3)
    return vertices, Shape.learn(vertices, [3, 2], modes)


class TestShape(unittest.TestCase):
    def test_as_many_modes_as_there_are_explain_everything(self):
        vertices, shape = some_shape()
        latent = shape.encode(vertices)
        self.assertLess(np.abs(shape.decode(latent) - vertices).max(), 1e-4)
        self.assertTrue(np.allclose(latent.mean(axis=0), 0.0, atol=1e-3))
        self.assertTrue(np.allclose(latent.std(axis=0, ddof=1), 1.0, atol=1e-3))
        self.assertGreater(shape.explained, 0.9999)

    def test_the_template_has_the_described_length(self):
        _, shape = some_shape()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "template.bin"
            shape.write(path, [[[0, 1, 2]], [[0, 1, 1]]], {"ulnar_dome": [0]})
            data = path.read_bytes()
        self.assertEqual(data[:4], b"BBSM")
        (length,) = struct.unpack("<I", data[4:8])
        header = json.loads(data[8 : 8 + length])
        self.assertEqual(header["modes"], 3)
        self.assertEqual(len(data), 8 + length + 4 * (5 * 3 * (1 + 3) + 2 * 3))

    def test_the_decoder_is_the_shape(self):
        _, shape = some_shape()
        latent = np.array([[0.5, -1.0, 2.0]], np.float32)
        radius, ulna = Decoder(shape)(torch.from_numpy(latent))
        both = np.concatenate([radius.numpy(), ulna.numpy()], axis=1)
        self.assertLess(np.abs(both - shape.decode(latent)).max(), 1e-4)


class TestSets(unittest.TestCase):
    def test_sets_that_share_a_subject_are_refused(self):
        class Set:
            def __init__(self, *seeds):
                self.seeds = range(*seeds)

        apart(Set(0, 10), Set(10, 20), Set(30, 31))
        with self.assertRaises(ValueError):
            apart(Set(0, 10), Set(9, 20))

    def test_a_set_cut_short_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            said = {"format": "bonebox-training-1", "seeds": [0, 1],
                    "arrays": [{"name": "fields", "element": "u8", "shape": [2, 2], "offset": 0}]}
            (Path(folder) / "a.json").write_text(json.dumps(said))
            (Path(folder) / "a.bin").write_bytes(b"12345")
            with self.assertRaises(ValueError):
                PackedSet(folder, "a")


class TestVariation(unittest.TestCase):
    def test_a_shift_moves_image_pose_and_principal_point_together(self):
        fields = np.zeros((1, 2, 128, 128), np.uint8)
        fields[0, :, 60, 64] = 255
        context = np.zeros((1, 12), np.float32)
        poses = np.zeros((1, 2, 2, 6), np.float32)
        moved, told, lying = shifted(fields, context, poses, np.random.default_rng(3))
        for view in range(2):
            row, column = np.argwhere(moved[0, view])[0]
            down, right = row - 60, column - 64
            self.assertLessEqual(max(abs(down), abs(right)), SHIFT)
            self.assertTrue(np.allclose(lying[0, view, :, 3:5], [right * 0.8, down * 0.8]))
            self.assertTrue(np.allclose(told[0, view * 4 + 1 : view * 4 + 3], [right * 0.008, down * 0.008]))


class TestPredictor(unittest.TestCase):
    def test_shapes_and_the_units_of_the_pose(self):
        network = Predictor(5, torch.full((24,), 3.0), torch.zeros(24)).eval()
        image = torch.zeros(2, 1, 128, 128)
        latent, spread, pose = network(image, image, torch.zeros(2, 12))
        self.assertEqual((tuple(latent.shape), tuple(spread.shape)), ((2, 5), (2, 5)))
        self.assertTrue(torch.equal(pose, torch.full((2, 2, 2, 6), 3.0)))


if __name__ == "__main__":
    unittest.main()
