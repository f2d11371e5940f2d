"""Writes `count` mutated tokens of `seed` into a folder: `python generate.py COUNT SEED FOLDER`."""

import json
import os
import random
import sys

import keys
from mint import Draft
from mutations import LAYERS

# Every layer but the last two signs what it changed, so that a verifier must look into it.
WEIGHTS = {"claims": 30, "json": 22, "header": 20, "segment": 7, "keys": 7, "signature": 7, "bytes": 7}
# How many mutations a token has.
DEPTHS = {0: 3, 1: 70, 2: 20, 3: 7}


def token(seed: int, number: int) -> dict:
    """One token, which depends on nothing but these."""
    rng = random.Random(f"{seed}/{number}")
    draft = Draft(rng)
    done = []
    [depth] = rng.choices(list(DEPTHS), list(DEPTHS.values()))
    for layer in sorted(rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=depth), key=list(WEIGHTS).index):
        if draft.seal and rng.random() < 0.4:
            layer = "sealed"
        mutation = rng.choice(LAYERS[layer])
        chosen = mutation(draft)
        name = f"{layer}: {mutation.__name__.strip('_')}"
        done.append(f"{name} {chosen}" if chosen else name)
    token = draft.build()
    entry = {"policy": draft.policy, "mutations": done, "resigned": draft.resigned, "token": token.decode("latin-1")}
    if draft.seal:
        entry["inside"] = draft.seal.inside.decode("latin-1")
    return entry


def main(count: int, seed: int, folder: str):
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/gate.yaml", "w") as file:
        file.write(keys.gate())
    with open(f"{folder}/theirs.json", "w") as file:
        file.write(keys.theirs())
    with open(f"{folder}/tokens.jsonl", "w") as file:
        for number in range(count):
            file.write(json.dumps(token(seed, number)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
