"""The same model solved by pyamg: smoothed aggregation with rigid motions, CG.

Reads a folder of raw arrays (little-endian): nodes.f64, tets.u32, young.f64,
held.u8 (3 a node), load.f64 (3 a node). Prints the CPU seconds of building the levels
and of the iteration (not of reading and assembling), iterations, energy.
"""

import json
import sys
import time

import numpy as np
import pyamg
import scipy.sparse as sparse

folder, residual = sys.argv[1], float(sys.argv[2])
nodes = np.fromfile(f"{folder}/nodes.f64").reshape(-1, 3)
tets = np.fromfile(f"{folder}/tets.u32", dtype=np.uint32).reshape(-1, 4).astype(np.int64)
young = np.fromfile(f"{folder}/young.f64")
held = np.fromfile(f"{folder}/held.u8", dtype=np.uint8).astype(bool)
load = np.fromfile(f"{folder}/load.f64")

# Stiffness, element by element: lambda ga gb' + mu gb ga' + mu (ga . gb) I.
corners = nodes[tets]
jacobian = corners[:, 1:] - corners[:, :1]
inverse = np.linalg.inv(jacobian)
volume = np.linalg.det(jacobian) / 6
gradients = np.concatenate([-inverse.sum(axis=2, keepdims=True), inverse], axis=2).transpose(0, 2, 1)
shear = young / 2.6
lame = 2 * shear * 0.3 / 0.4
outer = np.einsum("eai,ebj->eaibj", gradients, gradients)
blocks = lame[:, None, None, None, None] * outer
blocks += shear[:, None, None, None, None] * np.einsum("eaj,ebi->eaibj", gradients, gradients)
inner = shear[:, None, None] * np.einsum("eai,ebi->eab", gradients, gradients)
for axis in range(3):
    blocks[:, :, axis, :, axis] += inner
blocks *= volume[:, None, None, None, None]
unknowns = (3 * tets[:, :, None] + np.arange(3)).reshape(-1, 12)
rows = np.repeat(unknowns, 12, axis=1).ravel()
columns = np.tile(unknowns, (1, 12)).ravel()
size = 3 * len(nodes)
matrix = sparse.csr_matrix((blocks.ravel(), (rows, columns)), shape=(size, size))
free = np.flatnonzero(~held)
matrix = matrix[free][:, free].tobsr(blocksize=(3, 3)) if len(free) % 3 == 0 else matrix[free][:, free]
right = load[free]

x, y, z = (nodes - nodes.mean(axis=0)).T
motions = np.zeros((size, 6))
for axis in range(3):
    motions[axis::3, axis] = 1
motions[1::3, 3], motions[2::3, 3] = -z, y
motions[0::3, 4], motions[2::3, 4] = z, -x
motions[0::3, 5], motions[1::3, 5] = -y, x

begun = time.process_time()
levels = pyamg.smoothed_aggregation_solver(matrix, B=motions[free], symmetry="symmetric")
setup = time.process_time() - begun
history = []
# pyamg stops by the preconditioned residual's own measure; it is checked below.
answer = levels.solve(right, tol=residual, accel="cg", residuals=history)
spent = time.process_time() - begun
true = np.linalg.norm(right - matrix @ answer) / np.linalg.norm(right)
print(json.dumps({"cpu_s": spent, "setup_s": setup, "iterations": len(history) - 1,
                  "residual": true, "energy": 0.5 * float(answer @ right)}))
