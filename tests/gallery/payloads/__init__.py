"""Every payload of the gallery, made once and sent to every application."""

import pathlib

from tokens import Issuer

from . import claims, corpora, framing, headers, paths, stray
from .payload import Maker, Payload


def everything(issuer: Issuer, vectors: pathlib.Path) -> list[Payload]:
    """All families, in the order of the table."""
    maker = Maker(issuer)
    headers.add(maker)
    claims.add(maker)
    framing.add(maker)
    corpora.add(maker, vectors)
    paths.add(maker)
    stray.add(maker)
    return maker.payloads
