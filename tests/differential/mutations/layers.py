"""The register of mutations."""

LAYERS: dict[str, list] = {}

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def mutation(layer: str, weight: int = 1):
    def register(function):
        LAYERS.setdefault(layer, []).extend([function] * weight)
        return function

    return register
