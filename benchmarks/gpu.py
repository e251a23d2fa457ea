"""Everything that needs a GPU, in one run that ends in time: correctness first, then speed, then a profile.

    python -m benchmarks.gpu --output FOLDER [--minutes 8] [--parts core ways …] [--small]

1. `core`: while three checks run (`losses`: one step of base size in bf16 against float32 on the CPU, and no leak;
   `curves`: 300 steps of bf16 against float32, and of float32 against the authors' way; `resume`: a run that was
   interrupted against one that was not), base and large at two sizes each get ready beside them: models made, steps
   compiled, each in a process of its own. When all is ready they are measured one by one, and the first is profiled.
2. `ways`: the authors' way, the Hugging Face Trainer and ours, base size, same rows.
3. `sizes`: base and large at larger sizes.
4. `head`: the vocabulary head alone, plain and compiled, by size of its chunks.

No part runs past its share of the time (`SHARES`), and none past the end: its process is ended. A size that is not
compiled in time is measured afterwards without compiling and marked so; what there was no time for is marked `not run:
out of time`. All findings are written to FOLDER at once, and `table.md` with them. The same folder goes on where an
earlier run ended.
`--small` runs the same on a CPU with tiny sizes, to test the script itself.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu_session import OUT_OF_TIME, Child, Findings, Session, interpreter

CHECKS = {"losses": 0.15, "curves": 0.35, "resume": 0.40}
"""Checks, and the share of the whole time at which each must have ended."""
SHARES = {"compiled": 0.45, "measured": 0.69, "profiled": 0.75, "alone": 0.95, "ways": 0.97, "sizes": 0.97, "head": 1.0}
"""The share of the whole time at which the sizes of the core must be compiled, measured and profiled, those that were
late must have been measured alone, and each further part must have ended."""
LEAST = {"check": 0.02, "ways": 0.15, "sizes": 0.15, "head": 0.05}
"""Shares of the whole time without which a part is not begun."""
MOST = {"measuring": 0.06, "alone": 0.12, "ways": 0.35}
"""Largest shares of the whole time: for measuring one size that is ready, getting one ready alone, the three ways."""
FOR_MEASURING = 0.2
"""Part of the further sizes' time that is kept for measuring those that are compiled."""
CORE = ("base-65536", "large-32768", "base-16384", "large-16384")
"""Sizes and tokens a step, most wanted first; some 95 GB if all took their first step at the same moment. Where that is
too much, one that found no memory takes its first step later, alone."""
MORE = ("base-131072", "large-65536")
SMALL_CORE, SMALL_MORE = ("base-512", "large-512", "base-1024", "large-1024"), ("base-2048",)
"""The same where the script is tested: all of the tiny recipe's encoder."""
PARTS = ("core", "ways", "sizes", "head")


def core(session: Session, sizes: Sequence[str]) -> None:
    """The checks, with the sizes getting ready beside them; then the sizes, the profile, and the sizes that were late."""
    children = start(session, sizes)
    for name, share in CHECKS.items():
        session.run(name, until=session.at(share), least=LEAST["check"])
    measure(session, ready(session, children, SHARES["compiled"]), SHARES["measured"], profiled=SHARES["profiled"])
    for name in missing(session, sizes):
        alone(session, name)


def alone(session: Session, name: str) -> None:
    """One size that was not ready in time, or failed, without compiling and with nothing beside it."""
    until = session.at(SHARES["alone"], most=MOST["alone"])
    if until < time.monotonic():
        return
    child = session.start(name, variant="--eager")
    if child.wait(until, "prepared"):
        measure(session, [child], SHARES["alone"], profiled=SHARES["alone"])
    child.end(why=f"{OUT_OF_TIME} while getting ready alone")


def more(session: Session, sizes: Sequence[str]) -> None:
    """Further sizes, compiled side by side while nothing is measured; and those of the core that came to nothing."""
    sizes = missing(session, sizes)
    left = SHARES["sizes"] - session.used
    if left < LEAST["sizes"]:
        for name in sizes:
            session.skip(name)
        return
    compiled = SHARES["sizes"] - FOR_MEASURING * left
    measure(session, ready(session, start(session, sizes), compiled), SHARES["sizes"], profiled=SHARES["sizes"])


def start(session: Session, sizes: Sequence[str]) -> list[Child]:
    """Let sizes get ready side by side; the processor's cores are shared out among their compilers."""
    wanted = missing(session, sizes)
    cores = max(1, (os.cpu_count() or 1) // max(1, len(wanted)))
    return [session.start(name, cores=cores) for name in wanted]


def missing(session: Session, sizes: Sequence[str]) -> list[str]:
    """Sizes that neither this run nor one before it has measured."""
    return [name for name in sizes if "figures" not in Findings(name=name, folder=session.folder).read()]


def ready(session: Session, children: Sequence[Child], share: float) -> list[Child]:
    """Those of the sizes that are ready in time; the others are ended."""
    prepared = [child for child in children if child.wait(session.at(share), "prepared")]
    for child in children:
        if child not in prepared:
            child.end(why=f"{OUT_OF_TIME} while compiling")
    return prepared


def measure(session: Session, children: Sequence[Child], share: float, *, profiled: float) -> None:
    """Measure sizes that are ready, one after the other, and then profile the first, unless a profile is there.

    Args:
        session: the clock.
        children: the sizes; they are ended.
        share: of the whole time, at which they must have been measured.
        profiled: the same for the profile.
    """
    done = []
    for child in children:
        child.tell("measure")
        if child.wait(session.at(share, most=MOST["measuring"]), "figures"):
            done.append(child)
        else:
            child.end(why=f"{OUT_OF_TIME} while measured")
        write_table(session)
    if done and not (session.folder / "profile.txt").exists():
        done[0].tell("profile")
        done[0].wait(session.at(profiled), "profile")
    for child in done:
        child.end()


def write_table(session: Session) -> None:
    """What is known of all sizes, as Markdown."""
    device = session.folder / "device.json"
    lines = [
        device.read_text(encoding="utf-8") if device.exists() else "",
        "",
        "| size | tokens a step | step, ms | real tokens/s | MFU | step of its floor | peak memory, GiB | compiled |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name in (*CORE, *MORE, *SMALL_CORE, *SMALL_MORE):
        if found := Findings(name=name, folder=session.folder).read():
            lines.append(f"| {' | '.join(row(name, found))} |")
    (session.folder / "table.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def row(name: str, found: dict[str, Any]) -> list[str]:
    """One size's row."""
    encoder, tokens = name.split("-")
    first = [encoder, f"{int(tokens):,}"]
    if "figures" not in found:
        why = next((f"{mark}: {found[mark]}" for mark in ("failed", "ended", "not run") if mark in found), "under way")
        return [*first, why.replace("|", "/").replace("\n", " ")[:120], *([""] * 5)]
    f = found["figures"]
    return [
        *first,
        f"{f['seconds_per_step'] * 1e3:.1f}",
        f"{f['tokens_per_second']:,.0f}",
        f"{f['mfu']:.1%}",
        f"{f['seconds_per_step'] / f['floor_seconds']:.2f}",
        f"{f['peak_memory'] / 2**30:.1f}",
        "yes" if found["compiled"] else "no",
    ]


def run(session: Session, parts: Sequence[str], *, small: bool) -> None:
    """All parts that are wanted, in the order of their weight."""
    first, further = (SMALL_CORE, SMALL_MORE) if small else (CORE, MORE)
    try:
        if "core" in parts:
            core(session, first)
        if "ways" in parts:
            session.run("ways", until=session.at(SHARES["ways"], most=MOST["ways"]), least=LEAST["ways"])
        if "sizes" in parts:
            more(session, (*first, *further))
        if "head" in parts:
            session.run("head", until=session.at(SHARES["head"]), least=LEAST["head"])
    finally:
        session.close()
        write_table(session)


def main() -> None:
    """Runs the parts in the time there is, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    arguments = parser.parse_args()
    small = ["--small"] if arguments.small else []
    if not small:
        import torch

        if not torch.cuda.is_available():
            raise SystemExit("no GPU here; pass --small to test the script on the CPU")

    def command(part: str, seconds: float) -> list[str]:
        where = ("--output", str(arguments.output), "--seconds", str(seconds))
        return interpreter("benchmarks.gpu_work", part, *where, *small)

    session = Session(arguments.output, 60 * arguments.minutes - 2, command)
    run(session, arguments.parts, small=arguments.small)
    print((arguments.output / "table.md").read_text(encoding="utf-8"))
    print(json.dumps({"seconds": round(time.monotonic() - session.started)}))


if __name__ == "__main__":
    main()
