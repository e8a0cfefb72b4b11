"""The network that looks: two views in, shape and pose out."""

import torch
from torch import nn

CONTEXT = 12
POSE = 24


class Trunk(nn.Module):
    """One view, 128 x 128, to a list of features that still knows places."""

    def __init__(self, features):
        super().__init__()
        layers, before = [], 1
        for width, kernel in ((12, 5), (24, 3), (48, 3), (64, 3), (96, 3)):
            layers += [
                nn.Conv2d(before, width, kernel, stride=2, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(96 * 16, features), nn.ReLU(inplace=True))

    def forward(self, image):
        return self.layers((image - 0.35) * 3.0)


class Predictor(nn.Module):
    """PA and lateral fields [N, 1, 128, 128], context [N, 12] ->
    latent [N, K], log variance [N, K], pose [N, view, bone, 6] in radians and mm."""

    def __init__(self, modes, pose_mean, pose_sd, features=128):
        super().__init__()
        self.pa = Trunk(features)
        self.lateral = Trunk(features)
        self.both = nn.Sequential(nn.Linear(2 * features + CONTEXT, 256), nn.ReLU(inplace=True))
        self.latent = nn.Linear(256, modes)
        self.spread = nn.Linear(256, modes)
        self.pose = nn.Linear(256, POSE)
        self.register_buffer("pose_mean", pose_mean)
        self.register_buffer("pose_sd", pose_sd)

    def forward(self, pa, lateral, context):
        seen = self.both(torch.cat([self.pa(pa), self.lateral(lateral), context], dim=1))
        pose = self.pose(seen) * self.pose_sd + self.pose_mean
        return self.latent(seen), self.spread(seen), pose.reshape(-1, 2, 2, 6)


class Decoder(nn.Module):
    """Latent [N, K] -> vertices of both bones [N, V, 3] in mm."""

    def __init__(self, shape):
        super().__init__()
        first = shape.vertices[0] * 3
        self.register_buffer("radius_mean", torch.from_numpy(shape.mean[:first].copy()))
        self.register_buffer("ulna_mean", torch.from_numpy(shape.mean[first:].copy()))
        self.register_buffer("radius_modes", torch.from_numpy(shape.modes[:, :first].copy()))
        self.register_buffer("ulna_modes", torch.from_numpy(shape.modes[:, first:].copy()))

    def forward(self, latent):
        radius = latent @ self.radius_modes + self.radius_mean
        ulna = latent @ self.ulna_modes + self.ulna_mean
        return radius.reshape(1, -1, 3), ulna.reshape(1, -1, 3)
