"""The real SDK reports scalars, plots, images, media and text to a node, and reads them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


async def test_everything_that_is_reported_is_read_back(sdk: Callable[..., Any]) -> None:
    script = await sdk(
        """
        import json
        from pathlib import Path

        import numpy as np
        import pandas as pd
        import plotly.graph_objects as go
        from clearml import StorageManager, Task
        from PIL import Image

        task = Task.init("birds", "reports", auto_connect_frameworks=False)
        log = task.get_logger()
        for i in range(20):
            log.report_scalar("loss.x $", "train/é", 1 / (i + 1), i)
        log.report_single_value("accuracy", 0.9)
        log.report_histogram("histogram", "s", np.array([1, 2, 3]), iteration=0)
        log.report_confusion_matrix("confusion", "s", np.eye(3), iteration=0)
        log.report_surface("surface", "s", np.eye(3), iteration=0)
        log.report_scatter2d("scatter", "s", np.array([[0, 1], [1, 2]]), iteration=0)
        log.report_scatter3d("scatter 3", "s", np.array([[0, 1, 2], [1, 2, 3]]), iteration=0)
        log.report_plotly("plotly", "s", go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), iteration=0)
        log.report_table("table", "s", iteration=0, table_plot=pd.DataFrame({"a": [1, 2]}))
        for i in range(2):
            log.report_image("image", "s", iteration=i, image=np.zeros((8, 6, 3), np.uint8))
        Path("note.html").write_text("<b>hi</b>")
        log.report_media("media", "s", iteration=0, local_path="note.html")
        log.report_text("a line of text")
        print("a printed line")
        task.flush(wait_for_uploads=True)
        task.close()

        read = Task.get_task(task.id)
        images = read.get_debug_samples("image", "s")
        note = StorageManager.get_local_copy(read.get_debug_samples("media", "s")[0]["url"])
        told = {
            "scalars": read.get_reported_scalars()["loss.x $"]["train/é"]["x"],
            "all": len(read.get_all_reported_scalars()["loss.x $"]["train/é"]["x"]),
            "last": read.get_last_scalar_metrics()["loss.x $"]["train/é"],
            "iteration": read.get_last_iteration(),
            "single": [read.get_reported_single_values(), read.get_reported_single_value("accuracy")],
            "plots": [plot["metric"] for plot in read.get_reported_plots()],
            "images": [image["iter"] for image in images],
            "image": Image.open(StorageManager.get_local_copy(images[0]["url"])).size,
            "note": Path(note).read_text(),
            "console": "".join(read.get_reported_console_output(10)),
        }
        print()
        print(json.dumps(told))
        """
    )
    told = script.result
    console = told.pop("console")
    assert "a line of text" in console and "a printed line" in console
    assert told == {
        "scalars": list(range(20)),
        "all": 20,
        "last": {"last": 0.05, "min": 0.05, "max": 1.0},
        "iteration": 19,
        "single": [{"accuracy": 0.9}, 0.9],
        "plots": ["histogram", "confusion", "surface", "scatter", "scatter 3", "plotly", "table"],
        "images": [1, 0],
        "image": [6, 8],
        "note": "<b>hi</b>",
    }
