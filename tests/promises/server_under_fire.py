"""A program: an operator whose control server is shot at; tells what its thread has reached.

It prints a line when it is ready, and at the end of its stdin one with what the audit hook saw.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import urllib.request

from smoothop import Config, Operator, done, none
from smoothop.control import Client, ControlServer

FORBIDDEN = (
    "code.",
    "compile",
    "ctypes.",
    "exec",
    "function.",
    "glob.",
    "import",
    "marshal.",
    "open",
    "os.",
    "pickle.",
    "shutil.",
    "subprocess.",
    "tempfile.",
)
seen: set[str] = set()


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note what the control thread does that no request may lead to."""
    if event == "open" and str(arguments[0]).endswith(".py") and arguments[1] == "r":
        return  # the lines that a stack shows
    if event.startswith(FORBIDDEN) and threading.current_thread().name == "smoothop-control":
        seen.add(f"{event} {arguments!r}"[:200])


def main() -> None:
    """Serve until stdin ends."""
    logging.basicConfig(level=logging.CRITICAL)
    with Operator() as operator:
        operator.add_handler("idler", lambda ctx: none(3600))
        operator.add_handler("echo", lambda ctx: done(ctx.message), Config(message_only=True))
        operator.start_all()
        server = ControlServer(operator, name="target", http="127.0.0.1:0")
        with server, Client("target") as client:
            warm_up(client, server.url or "")
            sys.addaudithook(watch)
            print(json.dumps({"url": server.url}), flush=True)
            sys.stdin.read()
            print(json.dumps({"seen": sorted(seen)}), flush=True)


def warm_up(client: Client, url: str) -> None:
    """Use everything once: what is imported late is imported now."""
    for worker in ("idler", "echo"):
        for act in (client.worker, client.stop, client.start, client.restart, client.pause):
            act(worker)
        client.resume(worker)
        client.scale(worker, 1)
    client.send("echo", 1, wait=True)
    client.stacks()
    with client.events() as events:
        client.send("echo", 1)
        next(events)
    for name in ("livez", "readyz", "openapi.json"):
        urllib.request.urlopen(f"{url}/{name}").close()


if __name__ == "__main__":
    main()
