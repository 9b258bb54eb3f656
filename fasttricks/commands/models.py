"""`fasttricks models`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasttricks.bench.config import words
from fasttricks.report.chart import figure

if TYPE_CHECKING:
    from torch import nn

HEADER = (
    *("model", "px", "parameters", "GMACs", "activations"),
    *("printed:\nM", "\nGMACs", "\ntop-1", "\nbest", "source"),
)


@dataclass(frozen=True)
class Models:
    """List the models: their size and cost as built here, and what the papers print of them."""

    name: str = ""
    """Models to list, separated by commas; empty: all."""
    size: int | None = None
    """Side of the input in pixels; default: at which each model is tested, 224 for most."""
    json: Path | None = None
    """Also write one JSON object per model to this file, with all rows that were printed of it."""

    def run(self) -> int:
        """Count and show."""
        from fasttricks.bench import report
        from fasttricks.files import check_writable
        from fasttricks.models.names import list_models, model_config

        names = words(self.name)
        for name in names:
            model_config(name)
        if self.size is not None and self.size < 1:
            raise ValueError(f"--size must be at least 1; got {self.size}")
        if self.json:
            check_writable(self.json)
        rows = [model_row(name, self.size) for name in names or list_models()]
        show(rows)
        if self.json:
            report.write(self.json, rows)
        return 0


def model_row(name: str, size: int | None) -> dict[str, Any]:
    """A model's counts at `size` pixels (None: its own), and what is printed of it."""
    import torch

    from fasttricks.models import create_model
    from fasttricks.models.count import count
    from fasttricks.models.paper import best_top1, published

    with torch.device("meta"):  # no weights are needed, nor the time to draw them
        model = create_model(name)
    size = size or own_size(model)
    try:
        counts = count(model, size)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"--size {size}: {name} cannot take it: {error}") from error
    return {
        "row": name,
        "size": size,
        **asdict(counts),
        "published": [asdict(row) for row in published(name)],
        "best_top1": best_top1(name),
    }


def own_size(model: nn.Module) -> int:
    """The side of the pictures that a model is tested with."""
    size: int = getattr(model, "test_size", None) or model.input_size  # type: ignore[assignment]
    return size


def cells(row: dict[str, Any]) -> list[str]:
    """One model under HEADER: of what is printed the plain recipe's, and the best accuracy."""
    mine = [
        row["row"],
        str(row["size"]),
        f"{row['parameters']:,}",
        f"{row['macs'] / 1e9:.3f}",
        f"{row['activations'] / 1e6:.1f} M",
    ]
    if not row["published"]:
        return [*mine, *["-"] * 5]
    plain = row["published"][0]
    gmacs = figure(plain["gmacs"], ".4g")
    if plain["gmacs"] and plain["size"] != row["size"]:
        gmacs += f" @{plain['size']}"
    return [
        *mine,
        figure(plain["parameters"], "g"),
        gmacs,
        figure(plain["top1"], ".2f"),
        figure(row["best_top1"], ".2f"),
        plain["source"],
    ]


def show(rows: list[dict[str, Any]]) -> None:
    """The table, and what its columns mean."""
    from rich.console import Console

    from fasttricks.bench.table import write_table, write_text

    console = Console()
    write_table(console, HEADER, [cells(row) for row in rows])
    for line in (
        "GMACs: 10^9 multiply-accumulates of convolutions and linear layers for one picture, which "
        "the papers call FLOPs; activations: elements of the outputs of convolutions",
        "printed: by the source, for its plain recipe; @: at another size; best: the highest top-1 "
        "that any source gives for this model; --json has all rows with their recipes",
        "resnet50 is the paper's original; torchvision's and timm's resnet50 is resnet50b here",
    ):
        write_text(console, line)
