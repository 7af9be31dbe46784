"""Whether a checkpoint holds the weights of a model, told from the heads of its files alone."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from rayboot.errors import UserError
from rayboot.generation.model_directory import weight_files


def check_same_shapes(checkpoint: str, model: str) -> None:
    """Make sure that two local directories hold tensors of the same names and shapes.

    Tied weights may be there under one of their names or under both: a name that only one side has is no difference.

    Raises:
        UserError: The checkpoint is missing, broken, or another model's.
    """
    if not Path(model).is_dir():
        return  # of the hub, in a cache of its own
    expected, found = _shapes(model), _shapes(checkpoint)
    differing = [name for name, shape in found.items() if expected.get(name, shape) != shape]
    if differing or not found.keys() & expected.keys():
        name = differing[0] if differing else next(iter(found))
        raise UserError(
            f"checkpoint {checkpoint} holds another model's weights: {name} has the shape {found[name]}, "
            f"in {model} {expected.get(name, 'there is no such tensor')}"
        )


def _shapes(directory: str) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = {}
    for file in weight_files(directory):
        try:
            with safe_open(file, framework="np") as tensors:
                shapes |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise UserError(f"checkpoint file {file} cannot be read: {error}") from error
    return shapes
