"""`os.mkfifo` and `os.mknod` raise no audit event: while these stand in, they raise one."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = ("mkfifo", "mknod")
_originals: dict[str, Callable[..., None]] = {}


def install() -> None:
    """Replace the functions, where the system has them, by ones that raise an event."""
    for name in _NAMES:
        original = getattr(os, name, None)
        if original is None or name in _originals:
            continue
        _originals[name] = original
        audited = _audited(name, original)
        if original in os.supports_dir_fd:
            os.supports_dir_fd.add(audited)
        setattr(os, name, audited)


def uninstall() -> None:
    """Put the functions back."""
    for name, original in _originals.items():
        os.supports_dir_fd.discard(getattr(os, name))
        setattr(os, name, original)
    _originals.clear()


def _audited(name: str, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def make_node(path: Any, *args: Any, **kwargs: Any) -> None:
        dir_fd = kwargs.get("dir_fd")
        sys.audit("tempfiles.make_node", f"os.{name}", path, -1 if dir_fd is None else dir_fd)
        return original(path, *args, **kwargs)

    return make_node
