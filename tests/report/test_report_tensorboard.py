"""TensorBoard files have every number once, under the usual names."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

from synthetic_runs import make_run
from tensorboardX.proto.event_pb2 import Event

from rayboot.metrics import MetricsRow
from rayboot.report import write_tensorboard
from rayboot.storage import Storage


def scalars(file: Path) -> list[tuple[str, int, float]]:
    """Return tag, step and value of every scalar in a file of TFRecords: length, checksum, event, checksum."""
    data, records = file.read_bytes(), []
    while data:
        [size] = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + size])
        records += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        data = data[12 + size + 4 :]
    return records


def test_rows_that_are_written_again_have_each_number_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    rows = [MetricsRow.model_validate_json(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for iteration in (0, 1, 1, 2):
        write_tensorboard(Storage(str(run)), [row for row in rows if row.iteration == iteration])
    write_tensorboard(Storage(str(run)), rows)
    files = sorted((run / "tensorboard").iterdir())
    records = [scalar for file in files for scalar in scalars(file)]
    assert len(files) == 3
    assert max(Counter((tag, step) for tag, step, _ in records).values()) == 1
    values = {(tag, step): value for tag, step, value in records}
    assert [values["test/pass@1", step] for step in range(3)] == [0.25, 0.5, 0.75]
    assert values["test/repair@1", 2] == 0.875
    assert values["train/loss", 1] == 0.5
    assert values["train/steps", 2] == 7
    assert values["training_examples/solution", 1] == 4
    assert values["seconds/refit", 1] == 70
    assert values["rollout/completion_tokens", 1] == values["evaluation/completion_tokens", 0] == 300
