"""Writes what a run found into docs/gallery.md."""

import pathlib


def write(file: pathlib.Path, **parts: str) -> None:
    """Replaces what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`."""
    text = file.read_text()
    for name, part in parts.items():
        before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
        _, end, after = rest.partition(f"<!-- {name}: end -->\n")
        if not begin or not end:
            raise ValueError(f"{file} has no place for `{name}`")
        text = f"{before}{begin}\n{part.strip()}\n\n{end}{after}"
    file.write_text(text)
