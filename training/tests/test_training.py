"""Training goes on where it was cut off, and gets the same weights as without the cut."""

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from training.checkpointing import load_checkpoint, save_checkpoint
from training.generator.corpus import write_corpus
from training.progress import HEAD, Progress
from training.train import batch_of, learning_rate, place_of, schedule_share

ROOT = Path(__file__).resolve().parents[2]
STEPS = 6


def fake_rows(short, long):
    """Rows whose first token is their number."""
    def rows(count, length):
        tokens = np.zeros((count, length + 1), np.int16)
        tokens[:, 0] = np.arange(count)
        return {"tokens": tokens, "weights": tokens.astype(np.uint8), "documents": tokens}

    return {"short": rows(short, 512), "long": rows(long, 1024)}


class BatchTest(unittest.TestCase):
    ARGS = argparse.Namespace(batch_tokens=4096, workers=2, seed=1, device="cpu")

    def test_the_first_pass_takes_every_row_once_and_in_order(self):
        rows, seen = fake_rows(80, 8), {"short": [], "long": []}
        for step in range(12):
            for rank in range(2):
                tokens, _, _ = batch_of(rows, step, self.ARGS, rank)
                seen["long" if tokens.shape[1] > 1000 else "short"] += tokens[:, 0].tolist()
        self.assertEqual(sorted(seen["short"]), list(range(80)))
        self.assertEqual(sorted(seen["long"]), list(range(8)))

    def test_later_passes_leave_out_the_simple_beginning(self):
        passed = [place_of(i, 100, seed=3) for i in range(100, 240)]
        self.assertEqual(sorted(passed[:70]), list(range(30, 100)))
        self.assertEqual(sorted(passed[70:]), list(range(30, 100)))
        self.assertNotEqual(passed[:70], passed[70:])

    def test_the_rate_rises_then_falls_to_a_hundredth(self):
        args = argparse.Namespace(steps=1000, max_minutes=10.0, warmup_steps=100, learning_rate=1.0)
        rates = [learning_rate(args, step, schedule_share(args, step, 0)) for step in (0, 99, 500, 1000)]
        self.assertLess(rates[0], 0.02)
        self.assertGreater(rates[1], 0.95)
        self.assertAlmostEqual(rates[3], 0.01)
        self.assertEqual(schedule_share(args, 0, 300), 0.5)  # the clock can be further than the steps


class CheckpointTest(unittest.TestCase):
    def test_a_process_killed_while_it_writes_leaves_the_checkpoint_before(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "c.pt")
            save_checkpoint(path, {"step": 1})
            save_checkpoint(path, {"step": 2})
            path.with_suffix(".tmp").write_bytes(b"half a file")
            self.assertEqual(load_checkpoint(path)["step"], 2)
            path.unlink()  # killed between the two renames
            self.assertEqual(load_checkpoint(path)["step"], 1)
        self.assertIsNone(load_checkpoint(path))

    def test_a_curve_goes_on_without_the_steps_after_the_checkpoint(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "loss.csv")
            for first, last in ((0, 100), (50, 100)):
                progress = Progress(path, first, 10.0)
                for step in range(first + 1, last + 1):
                    progress.add(step, step / 100, 1.0, 10, step * 10, step / 60, 1e-3)
                progress.file.close()
            lines = path.read_text().splitlines()
            self.assertEqual(lines[0], ",".join(HEAD))
            self.assertEqual([line.split(",")[0] for line in lines[1:]], ["25", "50", "75", "100"])


class ResumeTest(unittest.TestCase):
    """The real program on a small corpus."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.corpus = Path(cls.folder.name, "corpus.jsonl")
        cls.corpus.with_suffix(".sha256").write_text(write_corpus(cls.corpus, 120, seed=4))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def command(self, name, *more):
        work = Path(self.folder.name, name)
        return [sys.executable, "-m", "training.train", "--corpus", self.corpus, "--work", work, "--out", work / "model", "--steps", str(STEPS), "--batch-tokens", "1024", "--workers", "1",
                "--device", "cpu", "--vocab-size", "600", "--warmup-steps", "2", "--nice", "0", "--no-compile", "--evaluate-minutes", "0", *more]

    def run_to_end(self, name, *more):
        result = subprocess.run([str(part) for part in self.command(name, *more)], cwd=ROOT, capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_a_run_killed_twice_ends_with_the_weights_of_one_that_was_not(self):
        self.run_to_end("whole")
        # Stops after every step with a checkpoint, and is killed in one run before it is at its end.
        self.assertIn("stopped at step 1", self.run_to_end("cut", "--session-minutes", "0"))
        process = subprocess.Popen([str(part) for part in self.command("cut", "--checkpoint-minutes", "0")], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        checkpoint = next(Path(self.folder.name, "cut").glob("checkpoint-*.pt"))
        before, deadline = checkpoint.stat().st_mtime_ns, time.monotonic() + 300
        while checkpoint.exists() and checkpoint.stat().st_mtime_ns == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.run_to_end("cut")
        whole, cut = (load_file(Path(self.folder.name, name, "model", "model.safetensors")) for name in ("whole", "cut"))
        self.assertEqual(whole.keys(), cut.keys())
        for name in whole:
            self.assertTrue(torch.equal(whole[name], cut[name]), name)
        record = Path(self.folder.name, "cut", "model", "training.json").read_text()
        self.assertIn(f'"steps": {STEPS}', record)
        self.assertFalse(math.isnan(sum(value.float().sum().item() for value in cut.values())))


if __name__ == "__main__":
    unittest.main()
