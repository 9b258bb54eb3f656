"""The plain DDP script: two processes under torchrun, and then one that goes on from there."""

import torch

from tests.integrations.conftest import SIZE, TRAIN, VAL, launch, path


def test_the_example_goes_on_with_another_number_of_processes(
    example, data, pipeline, tmp_path, monkeypatch, capsys
):
    checkpoint = tmp_path / "ddp.pt"
    shown = launch(
        "torch.distributed.run",
        *("--standalone", "--nproc_per_node", 2),
        path("ddp"),
        *(data, "--pipeline", pipeline, "--epochs", 1, "--batch-size", TRAIN // 4),
        *("--size", SIZE, "--checkpoint", checkpoint),
    )
    assert "epoch 0" in shown
    assert f"of {VAL} correct" in shown
    # The epoch was read to its end, so the next one is about to begin.
    state = torch.load(checkpoint)["loader"]
    assert (state["epoch"], state["consumed"]) == (1, 0)

    alone = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_ADDR": "localhost"}
    for name, value in {**alone, "MASTER_PORT": 0}.items():
        monkeypatch.setenv(name, str(value))
    settings = {"epochs": 2, "batch_size": TRAIN // 2, "size": SIZE, "checkpoint": checkpoint}
    example("ddp").main(data, pipeline, **settings)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1"]
    assert torch.load(checkpoint)["loader"]["epoch"] == 2
