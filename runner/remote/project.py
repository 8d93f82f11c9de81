"""The files of the project: list them, compare them with those of a machine, ship them as a zip."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import subprocess
import zipfile
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping

from tempfiles import untracked

_WHOLE = 8 << 20
"""Bytes of a file up to which its content is compared; of a longer one only the size is."""
_MOST_NAMED = 3
_LEFT_OUT = ("__pycache__", "node_modules", "site-packages")


def list_files(directory: str, without: Container[str] = ()) -> list[str]:
    """Return the files of a project: what git tracks, and what is neither tracked nor ignored.

    Without git, all but hidden directories and those of installed packages.

    Args:
        directory: the working directory of the run.
        without: the absolute paths of files to leave out.
    """
    with untracked():
        return sorted(
            name for name in set(_names(directory))
            if os.path.join(directory, name) not in without and _is_shipped(directory, name)
        )  # fmt: skip


def _names(directory: str, prefix: str = "") -> Iterator[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(
            command, cwd=os.path.join(directory, prefix), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        yield from _walk(directory)
        return
    for name in map(os.fsdecode, filter(None, found.split(b"\0"))):
        path = os.path.join(prefix, name)
        whole = os.path.join(directory, path)
        if os.path.isdir(whole) and not os.path.islink(whole):
            yield from _names(directory, path)  # a submodule
        else:
            yield path


def _walk(directory: str) -> Iterator[str]:
    for place, directories, names in os.walk(directory):
        directories[:] = [
            name for name in directories
            if not name.startswith(".") and name not in _LEFT_OUT
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        ]  # fmt: skip
        yield from (os.path.relpath(os.path.join(place, name), directory) for name in names)


def _is_shipped(directory: str, name: str) -> bool:
    try:
        mode = os.lstat(os.path.join(directory, name)).st_mode
    except OSError:
        return False  # git tracks it, and the user has removed it
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def digests_of(directory: str, names: Iterable[str]) -> bytes:
    """Return the digests of files of a project, for `differences`."""
    found = {name: _digest(os.path.join(directory, name)) for name in names}
    return zlib.compress(json.dumps(found).encode())


def differences(directory: str, digests: bytes) -> str:
    """Return how the files in a directory differ from those that were listed; empty if equal."""
    wanted: Mapping[str, str] = json.loads(zlib.decompress(digests))
    if not os.path.isdir(directory):
        return f"it has no directory {directory}: share it with this machine, or use --ship"
    differing = [
        name for name, digest in wanted.items() if _digest(os.path.join(directory, name)) != digest
    ]
    if not differing:
        return ""
    named = ", ".join(differing[:_MOST_NAMED])
    more = f" and {len(differing) - _MOST_NAMED} more" if len(differing) > _MOST_NAMED else ""
    return f"its files in {directory} differ: {named}{more}; share the directory, or use --ship"


def _digest(path: str) -> str:
    try:
        if os.path.islink(path):
            return os.readlink(path)
        size = os.path.getsize(path)
        if size > _WHOLE:
            return str(size)
        with open(path, "rb") as file:
            return hashlib.blake2b(file.read(), digest_size=12).hexdigest()
    except OSError:
        return ""


def pack(directory: str, names: Iterable[str]) -> bytes:
    """Return files of a project as a zip."""
    buffer = io.BytesIO()
    with untracked(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            path = os.path.join(directory, name)
            info = zipfile.ZipInfo(name)
            mode = os.lstat(path).st_mode
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _content(path, mode))
    return buffer.getvalue()


def _content(path: str, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.fsencode(os.readlink(path))
    with open(path, "rb") as file:
        return file.read()


def unpack(ship: bytes, directory: str) -> None:
    """Unpack the zip of a project into an existing directory."""
    with zipfile.ZipFile(io.BytesIO(ship)) as archive:
        for info in archive.infolist():
            path = os.path.join(directory, info.filename)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            mode, content = info.external_attr >> 16, archive.read(info)
            if stat.S_ISLNK(mode):
                os.symlink(os.fsdecode(content), path)
                continue
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, stat.S_IMODE(mode))
