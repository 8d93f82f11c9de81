"""Three network namespaces that stand for machines: the parent's, the scheduler's, the workers'."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

SUBNET = "10.213.77"


class Network(NamedTuple):
    """The names of the namespaces, and the address of the scheduler."""

    parent: str
    scheduler: str
    workers: str
    host: str = f"{SUBNET}.1"

    def command(self, namespace: str) -> list[str]:
        """Return the words that run a command in a namespace."""
        return ["ip", "netns", "exec", namespace]

    def set_link(self, namespace: str, state: str) -> None:
        """Cut the link of a namespace, or mend it.

        Args:
            namespace: that of the parent or of the workers.
            state: `down` or `up`.
        """
        _ip("-n", self.scheduler, "link", "set", f"to-{namespace[-1]}", state)


def reason_against() -> str:
    """Return why there can be no namespaces here; empty if there can."""
    if os.geteuid() or not shutil.which("ip"):
        return "network namespaces need root and the command ip"
    name = f"tt{os.getpid()}x"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return f"no network namespaces: {error.stderr.strip()}"
    return ""


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Create the namespaces, linked by a bridge in that of the scheduler, for the block."""
    net = Network(*(f"tt{os.getpid()}{end}" for end in "psw"))
    with contextlib.ExitStack() as stack:
        for name in net[:3]:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            _ip("-n", name, "link", "set", "lo", "up")
        inside = ("-n", net.scheduler, "link")
        _ip(*inside, "add", "bridge", "type", "bridge")
        _ip("-n", net.scheduler, "address", "add", f"{net.host}/24", "dev", "bridge")
        for number, name in ((2, net.parent), (3, net.workers)):
            end = f"to-{name[-1]}"
            _ip(*inside, "add", end, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip(*inside, "set", end, "master", "bridge", "up")
            _ip("-n", name, "address", "add", f"{SUBNET}.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
        _ip(*inside, "set", "bridge", "up")
        yield net


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
