"""The build: all is in setup.cfg, but the recorder of native programs, compiling, and README links.

The recorder is optional: a C compiler builds it on Linux with glibc. `TIDYTEST_NATIVE=0` leaves it
out, and the wheel is then a pure one; with `TIDYTEST_NATIVE=1` the build fails without it.
"""

import compileall
import configparser
import os
import re
import shlex
import shutil
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import editable_wheel

NATIVE = os.environ.get("TIDYTEST_NATIVE", "")
RECORDER = "tempfiles.events.recorder"


class CompilingEditableWheel(editable_wheel):
    """Does what pip does for what it copies: the first start is then as quick as any."""

    def run(self) -> None:
        """Make the wheel, and compile the packages where they lie."""
        super().run()
        for package in ("runner", "tempfiles"):
            compileall.compile_dir(package, quiet=1)


class BuildLibrary(build_ext):
    """Names the recorder as a library: it is no module, and fits every version of Python."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return the path of an extension in its package."""
        return os.path.join(*fullname.split(".")) + ".so.1"


class LibraryWheel(bdist_wheel):
    """Marks a wheel with the recorder as one for every Python version on this platform."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags for the version, the ABI and the platform."""
        tag = super().get_tag()
        return ("py3", "none", tag[2])


def recorder() -> list[Extension]:
    """Return the recorder, if it is wanted and a compiler may build it."""
    reason = obstacle()
    if NATIVE == "1" and reason:
        sys.exit(f"tidytest: TIDYTEST_NATIVE=1 asks for the recorder of native programs: {reason}")
    if NATIVE == "0" or reason:
        return []
    return [
        Extension(
            RECORDER, ["tempfiles/events/recorder.c"], libraries=["dl"],
            extra_compile_args=["-O2"], extra_link_args=["-Wl,-z,now"], optional=NATIVE != "1",
        )
    ]


def obstacle() -> str:
    """Return why the recorder cannot be built; empty if it may be possible."""
    try:
        has_glibc = sys.platform.startswith("linux") and os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):  # another C library
        has_glibc = None
    if not has_glibc:
        return "it needs Linux with glibc"
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    compiler = shlex.split(command)[0]
    return "" if shutil.which(compiler) else f"there is no C compiler {compiler!r}"


def description() -> str:
    """Return the README with the addresses of the repository in its links, as PyPI needs them."""
    config = configparser.ConfigParser()
    config.read("setup.cfg", encoding="utf-8")
    found = re.search(r"Source = (\S+)", config["metadata"]["project_urls"])
    source = found[1] if found else ""
    with open("README.md", encoding="utf-8") as readme:
        images = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{source}/raw/main/", readme.read())
    return re.sub(r"(?<!!)(\[[^][]*\]\()(?!https?:)", rf"\1{source}/blob/main/", images)


setup(
    long_description=description(),
    ext_modules=recorder(),
    cmdclass={
        "bdist_wheel": LibraryWheel,
        "build_ext": BuildLibrary,
        "editable_wheel": CompilingEditableWheel,
    },
)
