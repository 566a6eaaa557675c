"""Containers that serve models, over HTTP: what they report, and what is told of their endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from node.tracking import serving

URL = "http://127.0.0.1:8080/owl"
ME = {"container_id": "c1", "endpoint_name": "owl", "model_name": "net"}
STATS = {"cpu_usage": [50.0, 30.0], "gpu_usage": [10], "memory_used": 100, "gpu_memory_used": [1, 2]}


class Clock:
    """Unix seconds, as they are set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(served: Any) -> Clock:
    clock = Clock()
    served.node.serving = serving.Serving(served.node.store, clock)
    return clock


async def report(admin: Any, container: str = "c1", **fields: Any) -> None:
    said = ME | {"container_id": container, "endpoint_url": URL, "machine_stats": STATS} | fields
    assert (await admin("serving.container_status_report", **said)).data == {}


async def test_a_container_loads_until_it_has_a_url(admin, clock):
    task = [{"type": "task", "value": "t"}]
    await admin("serving.register_container", **ME, model_version="2", reference=task, input_size="None")
    clock.now += 5
    (loading,) = (await admin("serving.get_loading_instances")).data["instances"]
    assert (loading["id"], loading["model"], loading["model_version"], loading["age_sec"]) == (
        "c1",
        "net",
        "2",
        5,
    )
    assert (await admin("serving.get_endpoints")).data == {"endpoints": []}
    await report(admin, uptime_sec=3)
    assert (await admin("serving.get_loading_instances")).data == {"instances": []}
    details = (await admin("serving.get_endpoint_details", endpoint_url=URL)).data
    assert (details["endpoint"], details["url"], details["uptime_sec"]) == ("owl", URL, 3)
    assert details["instances"][0]["reference"] == task


async def test_an_endpoint_is_what_all_its_containers_are(admin, clock):
    await report(admin, "c1", requests_num=10, requests_min=1, latency_ms=100, uptime_sec=60)
    await report(admin, "c2", requests_num=5, requests_min=2, latency_ms=300, uptime_sec=30)
    (endpoint,) = (await admin("serving.get_endpoints")).data["endpoints"]
    assert (endpoint["instances"], endpoint["requests"], endpoint["uptime_sec"]) == (2, 15, 60)
    assert (endpoint["requests_min"], endpoint["latency_ms"]) == (1.5, 200)
    details = (await admin("serving.get_endpoint_details", endpoint_url=URL)).data
    assert [(i["id"], i["requests"], i["cpu_count"]) for i in details["instances"]] == [
        ("c1", 10, 2),
        ("c2", 5, 2),
    ]


async def test_who_is_not_heard_of_is_forgotten(admin, clock):
    await report(admin, "c1", timeout=60)
    await report(admin, "c2")
    clock.now += 100
    assert (await admin("serving.get_endpoints")).data["endpoints"][0]["instances"] == 1
    assert (await admin("serving.unregister_container", container_id="c2")).data == {}
    assert (await admin("serving.get_endpoints")).data == {"endpoints": []}
    assert (await admin("serving.unregister_container", container_id="c2")).code == (400, 1051)
    assert (await admin("serving.get_endpoint_details", endpoint_url=URL)).code == (400, 1052)


async def test_charts_sum_requests_and_average_latency(admin, clock):
    start = clock.now
    for minute in range(3):
        clock.now = start + 60 * minute
        await report(admin, "c1", requests_num=10 * minute, latency_ms=100)
        clock.now += 30
        await report(admin, "c1", requests_num=10 * minute + 5, latency_ms=200)
        await report(admin, "c2", requests_num=minute, latency_ms=50)
    ask = {"endpoint_url": URL, "from_date": start, "to_date": start + 180, "interval": 60}
    chart = (await admin("serving.get_endpoint_metrics_history", **ask)).data
    assert chart["computed_interval"] == 60
    assert chart["total"]["dates"] == [(start + 60 * i) * 1000 for i in range(3)]
    assert chart["total"]["values"] == [5, 16, 27]
    assert chart["instances"]["c2"]["values"] == [0, 1, 2]
    latency = (await admin("serving.get_endpoint_metrics_history", **ask, metric_type="latency_ms")).data
    assert latency["total"]["values"] == [100, 100, 100]
    cpu = await admin(
        "serving.get_endpoint_metrics_history", **ask, metric_type="cpu_usage", instance_charts=False
    )
    assert cpu.data["total"]["values"] == [40, 40, 40] and "instances" not in cpu.data


async def test_what_is_kept_is_bounded(admin, clock, served):
    for second in range(20):
        clock.now += 1
        await report(admin, requests_num=second)
    count = "SELECT count(*) FROM serving_samples"
    assert await served.node.store.read(lambda c: c.exec_driver_sql(count).scalar()) <= 3
    clock.now += serving.KEPT + 60
    await report(admin)
    assert await served.node.store.read(lambda c: c.exec_driver_sql(count).scalar()) == 1
    ask = {"endpoint_url": URL, "from_date": 0, "to_date": clock.now + 1, "interval": 1}
    chart = (await admin("serving.get_endpoint_metrics_history", **ask, metric_type="memory_used")).data
    assert chart["computed_interval"] >= clock.now / serving.MOST_POINTS and chart["total"]["values"] == [100]


@pytest.mark.parametrize("field", ["container_id", "endpoint_name", "model_name", "endpoint_url"])
async def test_texts_that_no_database_keeps_are_refused(admin, clock, field):
    for text in ("a\x00b", "x" * 3000):
        reply = await admin("serving.container_status_report", **ME | {"endpoint_url": URL, field: text})
        assert reply.code == (400, 12)
    assert (await admin("serving.get_endpoint_details", endpoint_url="a\x00b")).code == (400, 12)


async def test_there_are_not_too_many_containers(admin, clock, monkeypatch):
    monkeypatch.setattr(serving, "MOST_CONTAINERS", 1)
    await report(admin, "c1")
    assert (await admin("serving.register_container", **ME | {"container_id": "c2"})).code == (400, 16)
    await report(admin, "c1")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ({"endpoint_url": "none"}, (400, 1052)),
        ({"metric_type": "none"}, (400, 16)),
        ({"to_date": 0}, (400, 16)),
        ({"interval": 0}, (400, 12)),
        ({"from_date": None}, (400, 12)),
    ],
)
async def test_charts_that_cannot_be_drawn_are_refused(admin, clock, ask, code):
    await report(admin)
    whole = {"endpoint_url": URL, "from_date": 1, "to_date": 2, "interval": 60}
    assert (await admin("serving.get_endpoint_metrics_history", **whole | ask)).code == code


async def test_the_sdk_reports_its_endpoint(sdk, admin):
    script = await sdk(
        """
        import json
        from clearml import Task
        from clearml.router.endpoint_telemetry import EndpointTelemetry
        task = Task.init("birds", "serving", auto_connect_frameworks=False, auto_resource_monitoring=False)
        url = "http://127.0.0.1:8080/owl"
        telemetry = EndpointTelemetry("owl", "net", endpoint_url=url, report_statistics=False)
        telemetry.requests_num = 7
        telemetry.container_status_report()
        task.close()
        print(json.dumps(task.id))
        """
    )
    details = (await admin("serving.get_endpoint_details", endpoint_url=URL)).data
    assert script.result and details["instances"][0]["requests"] == 7
    assert {"type": "task", "value": script.result} in details["instances"][0]["reference"]
