"""What a training run shows: a progress bar, and the loss curve in a CSV file."""

import csv
import sys
import time

HEAD = ["step", "minutes", "tokens", "loss", "learning_rate"]
EVERY_STEPS = 25
BAR_CHARS = 24


def rows_until(path, step):
    """The rows of a loss curve that belong to a run which goes on after that step."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [row for row in list(csv.reader(file))[1:] if len(row) == len(HEAD) and int(row[0]) <= step]


class Progress:
    def __init__(self, path, step, max_minutes, every_steps=EVERY_STEPS):
        """Goes on behind what the curve has of steps up to `step`: those after the last checkpoint are computed again."""
        kept = rows_until(path, step)
        self.file = open(path, "w", newline="")
        self.writer = csv.writer(self.file)
        self.writer.writerows([HEAD, *kept])
        self.file.flush()
        self.max_minutes, self.every_steps = max_minutes, every_steps
        self.losses, self.tokens, self.since = [], 0, time.monotonic()

    def add(self, step, share, loss, tokens, total_tokens, minutes, rate):
        """share: of the schedule, 0 to 1; minutes: on its clock."""
        self.losses.append(loss)
        self.tokens += tokens
        if step % self.every_steps != 0:
            return
        mean, now = sum(self.losses) / len(self.losses), time.monotonic()
        self.writer.writerow([step, f"{minutes:.2f}", total_tokens, f"{mean:.4f}", f"{rate:.2e}"])
        self.file.flush()
        full = round(share * BAR_CHARS)
        left = minutes / share - minutes if share > 0 else self.max_minutes
        line = (f"[{'#' * full}{'.' * (BAR_CHARS - full)}] {share:4.0%}  step {step}  loss {mean:.4f}  {self.tokens / (now - self.since):5.0f} tokens/s  "
                f"{minutes:.1f} min, {left:.0f} left  rate {rate:.1e}")
        print(f"\r{line}", end="", flush=True) if sys.stdout.isatty() else print(line, flush=True)
        self.losses, self.tokens, self.since = [], 0, now
