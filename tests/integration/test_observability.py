"""What `ops/observability` has is right as far as it can be seen without a container engine."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from src.infrastructure.settings import Settings
from tests.builders import platform_on

OPS = Path(__file__).parents[2] / "ops" / "observability"
PROMETHEUS = OPS / "prometheus"
DASHBOARDS = sorted((OPS / "grafana" / "dashboards").glob("*.json"))

FOREIGN = {"up"}
"""What Prometheus itself makes."""
FOREIGN_LABELS = {"job", "instance"}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


def promtool(*arguments: str | Path, told: str = "") -> None:
    done = subprocess.run(["promtool", *arguments], input=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for file in DASHBOARDS for panel in json.loads(file.read_text())["panels"]]


def queries() -> list[str]:
    """Return every PromQL query of rules and dashboards, with a time for Grafana's variables."""
    shown = [
        target["expr"]
        for panel in panels()
        for target in panel["targets"]
        if target["datasource"]["uid"] == "prometheus"
    ]
    return [re.sub(r"\$__\w+", "5m", query) for query in (*shown, *(rule["expr"] for rule in rules()))]


def names_in(query: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that a query names."""
    bare = re.sub(r'"[^"]*"', '""', query)
    grouped = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", bare)
    matched = re.findall(r"\{([^}]*)\}", bare)
    labels = {label.strip() for group in grouped for label in group.split(",")}
    labels |= {label for selector in matched for label in re.findall(r"(\w+)\s*[=!]~?", selector)}
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)|\{[^}]*\}|\[[^\]]*\]", " ", bare)
    metrics = set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()", bare)) - WORDS
    return metrics, labels - {""}


@needs_promtool
def test_prometheus_takes_the_configuration_and_its_rules() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
def test_alerts_fire_when_they_should_and_are_silent_when_nothing_is_wrong() -> None:
    promtool("test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))


def test_every_alert_is_shown_to_fire_and_to_be_silent() -> None:
    cases = [
        case
        for file in sorted((PROMETHEUS / "tests").glob("*.yml"))
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == alerts


@needs_promtool
def test_prometheus_takes_every_query_of_the_dashboards(tmp_path: Path) -> None:
    asked = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": asked}]}))
    promtool("check", "rules", file)


@needs_promtool
@pytest.mark.only("sqlite")
async def test_prometheus_takes_a_scrape_and_every_query_names_what_is_in_it(settings: Settings) -> None:
    limits = settings.limits.model_copy(update={"questions": 1})
    async with platform_on(settings.model_copy(update={"limits": limits})) as platform:
        person = await platform.sign_up()
        await person.ask("Hello?")
        refused = await person.call("POST", "/chat", json={"message": "And?"})
        assert refused.status_code == 429
        text = (await platform.client.get("/metrics")).text
    promtool("check", "metrics", told=text)
    families = list(text_string_to_metric_families(text))
    told = {family.name for family in families}
    told |= {f"{family.name}_total" for family in families if family.type == "counter"}
    told |= {f"{family.name}_bucket" for family in families if family.type == "histogram"}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    asked = [names_in(query) for query in queries()]
    assert set().union(*(metrics for metrics, _ in asked)) <= told | recorded | FOREIGN
    assert set().union(*(names for _, names in asked)) <= labels | FOREIGN_LABELS
    of_ours = {family.name for family in families if family.name.startswith("platform_")}
    assert {name for name in of_ours if name not in " ".join(queries())} == set(), "looked at by nobody"


def test_what_the_containers_are_given_is_there() -> None:
    """Mounted files exist, Grafana finds dashboards and sources, and ports are this machine's own."""
    compose = yaml.safe_load((OPS / "compose.yaml").read_text())
    mounts = {name: list(mounted(service)) for name, service in compose["services"].items()}
    for source, _target in (pair for pairs in mounts.values() for pair in pairs):
        if source.startswith("./"):
            assert (OPS / source).exists(), source
        elif not source.startswith("$"):
            assert source in compose["volumes"], source
    for service in compose["services"].values():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), "images are pinned"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    provisioning = OPS / "grafana" / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "dashboards.yml").read_text())["providers"][0]
    assert ("./grafana/dashboards", provider["options"]["path"]) in mounts["grafana"]
    sources = yaml.safe_load((provisioning / "datasources" / "datasources.yml").read_text())["datasources"]
    assert {source["url"].split("/")[2].split(":")[0] for source in sources} <= set(compose["services"])
    uids = {source["uid"] for source in sources}
    used = {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert used <= uids
    assert len({json.loads(file.read_text())["uid"] for file in DASHBOARDS}) == len(DASHBOARDS) == 2


def mounted(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in service.get("volumes", ()):
        source, target = re.fullmatch(r"(\$\{[^}]+\}|[^:]+):([^:]+)(?::ro)?", volume).groups()  # type: ignore[union-attr]
        yield source, target
