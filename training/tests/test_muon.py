"""Muon's steps: orthogonal directions, the size of AdamW's, the same from one worker or several."""

import tempfile
import unittest
from pathlib import Path

import torch
import torch.distributed as distributed

from training.muon import Muon, orthogonalised

SHAPES = [(8, 16), (8, 16), (16, 8), (16, 8), (12, 12), (12, 12)]


def trained(workers, rank, steps=3):
    """Parameters after some steps on seeded gradients."""
    generator = torch.Generator().manual_seed(5)
    parameters = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]
    optimizer = Muon(parameters, lr=0.01, weight_decay=0.1, workers=workers, rank=rank)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


def train_together(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    torch.save(trained(2, rank), Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()


class MuonTest(unittest.TestCase):
    def test_singular_values_become_about_one_and_their_vectors_stay(self):
        matrices = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(2))
        for given in (matrices, matrices.mT):
            result = orthogonalised(given).float()
            self.assertEqual(result.shape, given.shape)
            values = torch.linalg.svdvals(result)
            self.assertGreater(values.min(), 0.5)
            self.assertLess(values.max(), 1.3)
            u, _, vh = torch.linalg.svd(given, full_matrices=False)
            inner = u.mT @ result @ vh.mT
            off_diagonal = inner - torch.diag_embed(inner.diagonal(dim1=1, dim2=2))
            self.assertLess(off_diagonal.abs().max(), 0.1)

    def test_a_step_has_the_size_of_one_of_adamw(self):
        parameter = torch.nn.Parameter(torch.zeros(64, 256))
        optimizer = Muon([parameter], lr=1.0)
        parameter.grad = 1e-4 * torch.randn(64, 256, generator=torch.Generator().manual_seed(3))
        optimizer.step()
        self.assertAlmostEqual(parameter.detach().square().mean().sqrt().item(), 0.2, delta=0.06)

    def test_decay_shrinks_weights_without_gradient(self):
        parameter = torch.nn.Parameter(torch.ones(4, 4))
        optimizer = Muon([parameter], lr=0.1, weight_decay=0.5)
        parameter.grad = torch.zeros(4, 4)
        optimizer.step()
        self.assertTrue(torch.allclose(parameter.detach(), torch.full((4, 4), 0.95)))

    def test_two_workers_that_share_the_matrices_compute_what_one_does(self):
        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(train_together, (folder,), nprocs=2)
            alone = trained(1, 0)
            for rank in range(2):
                together = torch.load(Path(folder, f"{rank}.pt"))
                # Products of other batch sizes may round differently.
                self.assertTrue(torch.allclose(together, alone, atol=2e-3))

    def test_matrices_that_cannot_be_shared_evenly_are_refused(self):
        parameters = [torch.nn.Parameter(torch.ones(4, 4)) for _ in range(3)]
        for parameter in parameters:
            parameter.grad = torch.ones(4, 4)
        with self.assertRaisesRegex(ValueError, "3 matrices .* 2 workers"):
            Muon(parameters, lr=0.1, workers=2).step()


if __name__ == "__main__":
    unittest.main()
