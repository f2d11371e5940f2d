"""From samples to a page: medians, ratios, and which targets are reached."""

from statistics import median

from cases import Case
from load import Sample
from targets import TARGETS, Target


def as_data(case: Case, samples: dict[str, list[Sample]]) -> dict:
    """A case for the JSON of results."""
    lanes = [
        {"name": lane.name, "title": lane.title, "samples": [sample.as_dict() for sample in samples[lane.name]], "median": _median(samples[lane.name])}
        for lane in case.lanes
        if samples[lane.name]
    ]
    return {"name": case.name, "title": case.title, "lanes": lanes}


def markdown(results: dict) -> str:
    """The whole page below its title."""
    lines = [_setting(results), ""]
    if rows := [row for target in TARGETS if (row := _target_row(target, results))]:
        lines += ["## Targets", "", "| case | at least | wanted | measured | |", "| --- | --- | --- | --- | --- |", *rows, ""]
    for case in results["cases"]:
        lines += [f"## {case['title']}", "", *_table(case), ""]
    if results["faults"]:
        lines += ["## Not measured", "", *(f"- {fault}" for fault in results["faults"]), ""]
    return "\n".join(lines).rstrip()


def _setting(results: dict) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}; the proxy on core {machine['proxy']}, load and "
        f"application on {machine['others']}. {results['rounds']} rounds of {results['seconds']} s, medians.\n{versions}."
    )


def _table(case: dict) -> list[str]:
    lanes = case["lanes"]
    lines = ["| | CPU of a request | of the gate's | requests/s | p50 | p99 | RSS |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for lane in lanes:
        value = lane["median"]
        own = lanes[0]["median"]["cpu_ns"]
        lines.append(
            f"| {lane['title']} | {value['cpu_ns'] / 1000:.1f} µs | {value['cpu_ns'] / own:.2f} | {value['rate']:,.0f} | {value['p50_us'] / 1000:.2f} ms "
            f"| {value['p99_us'] / 1000:.2f} ms | {value['resident_kib'] / 1024:.1f} MiB |"
        )
    return lines


def _target_row(target: Target, results: dict) -> str | None:
    value = target.value(results)
    if value is None:
        return None
    if target.reached(value, target.wanted):
        verdict = "reached"
    elif target.reached(value, target.at_least):
        verdict = "at least"
    else:
        verdict = "**missed**"
    return f"| {target.title} | {target.shown(target.at_least)} | {target.shown(target.wanted)} | {target.shown(value)} | {verdict} |"


def _median(samples: list[Sample]) -> dict[str, float]:
    rows = [sample.as_dict() for sample in samples]
    return {name: median(row[name] for row in rows) for name in rows[0]}
