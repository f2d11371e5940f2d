"""From samples to a page: medians, ratios, and which targets are reached."""

from statistics import median

from cases import Case
from load import Sample
from places import HERE
from rounds import DISTURBED
from targets import TARGETS, Results, Target

# The share of visits that may be disturbed: medians do not mind.
TOLERATED = 0.2


def as_data(case: Case, samples: dict[str, list[Sample]]) -> Results:
    """A case for the JSON of results."""
    lanes = [
        {"name": lane.name, "title": lane.title, "samples": [sample.as_dict() for sample in samples[lane.name]], "median": medians(samples[lane.name])}
        for lane in case.lanes
        if samples[lane.name]
    ]
    return {"name": case.name, "title": case.title, "lanes": lanes}


def document(page: str) -> str:
    """The page of docs/."""
    return (HERE / "page.md").read_text().replace("@results@", page)


def markdown(results: Results) -> str:
    """The whole page below its title."""
    lines = [_setting(results), ""]
    if rows := [row for target in TARGETS if (row := _target_row(target, results))]:
        lines += ["## Targets", "", "| case | must be | wanted | measured | |", "| --- | --- | --- | --- | --- |", *rows, ""]
    for case in results["cases"]:
        lines += [f"## {case['title']}", "", *_table(case), ""]
    for name, (title, make) in FIGURES.items():
        if rows := results["figures"].get(name):
            lines += [f"## {title}", "", *make(rows), ""]
    if results["faults"]:
        lines += ["## Not measured", "", *(f"- {fault}" for fault in results["faults"]), ""]
    return "\n".join(lines).rstrip()


def _setting(results: Results) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    shares = [sample["disturbed"] for case in results["cases"] for lane in case["lanes"] for sample in lane["samples"]]
    disturbed = sum(share > DISTURBED for share in shares)
    busy = f" **Something else was at work during {disturbed} of {len(shares)} visits: measure again.**" if disturbed > len(shares) * TOLERATED else ""
    return (
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}; the proxy on core {machine['proxy']}, load and "
        f"application on {machine['others']}. {results['rounds']} rounds of {results['seconds']} s, medians.{busy}\n{versions}."
    )


def _table(case: Results) -> list[str]:
    lanes = case["lanes"]
    if case["name"].startswith("growth-"):
        return _growth(lanes)
    lines = ["| | CPU of a request | of the first | requests/s | p50 | p99 | RSS |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for lane in lanes:
        value = lane["median"]
        own = lanes[0]["median"]["cpu_ns"]
        lines.append(
            f"| {lane['title']} | {value['cpu_ns'] / 1000:.1f} µs | {value['cpu_ns'] / own:.2f} | {value['rate']:,.0f} | {value['p50_us'] / 1000:.2f} ms "
            f"| {value['p99_us'] / 1000:.2f} ms | {value['resident_kib'] / 1024:.1f} MiB |"
        )
    return lines


def _growth(lanes: list[Results]) -> list[str]:
    lines = ["| | CPU of a request | of the first | requests/s | found in the cache | RSS |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for lane in lanes:
        value, first = lane["median"], lanes[0]["median"]["cpu_ns"]
        lines.append(
            f"| {lane['title']} | {value['cpu_ns'] / 1000:.1f} µs | {value['cpu_ns'] / first:.2f} | {value['rate']:,.0f} | {value['cache_hits']:.0%} "
            f"| {value['resident_kib'] / 1024:.1f} MiB |"
        )
    return lines


def _start(rows: list[Results]) -> list[str]:
    return ["| from the start of the program to | |", "| --- | ---: |", *(f"| {row['title']} | {row['ms']:.1f} ms |" for row in rows)]


def _memory(rows: list[Results]) -> list[str]:
    head = ["| | RSS before the first request | of each idle connection |", "| --- | ---: | ---: |"]
    return [*head, *(f"| {row['title']} | {row['idle_mib']:.1f} MiB | {row['connection_kib']:.1f} KiB of {row['connections']:,} |" for row in rows)]


def _size(rows: list[Results]) -> list[str]:
    lines = ["| | |", "| --- | ---: |"]
    for row in rows:
        symbols = " (with symbols: not what is shipped)" if row["name"] == "gate" and not row["stripped"] else ""
        lines.append(f"| {row['title']}{symbols} | {row['mib']:.1f} MiB |")
    return lines


def _latency(rows: list[Results]) -> list[str]:
    lines = [f"{rows[0]['rate']:,.0f} requests/s, half of what the gate can do.", "", "| | p50 | p99 | added to p50 | added to p99 |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        cells = (f"{row[name] / 1000:.3f} ms" for name in ("p50_us", "p99_us", "added_p50_us", "added_p99_us"))
        lines.append(f"| {row['title']} | {' | '.join(cells)} |")
    return lines


FIGURES = {
    "start": ("Start", _start),
    "memory": ("Memory", _memory),
    "size": ("Binary", _size),
    "latency": ("Latency at a fixed rate", _latency),
}


def _target_row(target: Target, results: Results) -> str | None:
    value = target.value(results)
    if value is None:
        return None
    if target.reached(value, target.wanted):
        verdict = "as wanted"
    elif target.reached(value, target.at_least):
        verdict = "holds"
    else:
        verdict = "**missed**"
    return f"| {target.title} | {target.shown(target.at_least)} | {target.shown(target.wanted)} | {target.shown(value)} | {verdict} |"


def medians(samples: list[Sample]) -> dict[str, float]:
    """Of each value by itself."""
    rows = [sample.as_dict() for sample in samples]
    columns = {name: [value for row in rows if (value := row[name]) is not None] for name in rows[0]}
    return {name: median(values) for name, values in columns.items() if values}
