"""A program: forked processes that want the same name, and are killed while they hold it.

One line of JSON per round. It is single-threaded and forks, because a new interpreter for each
of them would take a hundred times as long.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

from smoothop.control.claim import claim
from smoothop.control.errors import NameTakenError

NAME = "contended"
RIVALS = 2
LEFT_BEHIND = ("as it is", "garbage", "a living process", "no lock file", "a file for a socket")


def main(number: int, directory: Path) -> None:
    """Play the rounds, each in what the last one has left behind."""
    environ = {"XDG_RUNTIME_DIR": str(directory), "HOME": str(directory / "home")}
    for seed in range(number):
        left = random.Random(seed).choice(LEFT_BEHIND)
        disturb(left, directory / "smoothop")
        print(json.dumps({"left": left, **play(environ, directory / "smoothop")}))


def disturb(left: str, place: Path) -> None:
    """Make what a crash has left behind worse."""
    lock, sock = place / f"{NAME}.lock", place / f"{NAME}.sock"
    place.mkdir(mode=0o700, exist_ok=True)
    if left == "garbage":
        lock.write_bytes(b"\xff{")
    elif left == "a living process":
        lock.write_text(json.dumps({"pid": os.getpid(), "started_at": 0}))
    elif left == "no lock file":
        lock.unlink(missing_ok=True)
    elif left == "a file for a socket":
        sock.unlink(missing_ok=True)
        sock.write_text("not a socket")


def play(environ: dict[str, str], place: Path) -> dict[str, object]:
    """Let rivals want the name at once; look whether the one that has it can be reached."""
    go_reader, go = os.pipe()
    told_reader, told = os.pipe()
    children = [fork(rival, environ, go_reader, told) for _ in range(RIVALS)]
    os.write(go, b"g" * RIVALS)
    told_lines = os.fdopen(told_reader)
    lines = [json.loads(told_lines.readline()) for _ in range(RIVALS)]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place / f"{NAME}.sock"))
    mode = (place / f"{NAME}.sock").stat().st_mode & 0o777
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    told_lines.close()
    for end in (go_reader, go, told):
        os.close(end)
    return {"told": lines, "mode": mode, "directory": place.stat().st_mode & 0o777}


def rival(environ: dict[str, str], go: int, told: int) -> None:
    """Want the name as soon as it is allowed, tell the outcome, and keep it until killed."""
    os.read(go, 1)
    outcome: dict[str, object] = {"pid": os.getpid()}
    try:
        held = claim(NAME, environ, time.time())
        outcome["place"] = str(held.place.socket)
    except NameTakenError as error:
        outcome |= {"taken_by": error.pid, "text": str(error)}
    os.write(told, f"{json.dumps(outcome)}\n".encode())
    signal.pause()


def fork(target, *arguments) -> int:
    """Run a function in a child; return its process."""
    child = os.fork()
    if child == 0:
        try:
            target(*arguments)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    return child


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
