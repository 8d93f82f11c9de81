"""The build: all is in setup.cfg, but that an editable install compiles what it points to."""

import compileall

from setuptools import setup
from setuptools.command.editable_wheel import editable_wheel


class CompilingEditableWheel(editable_wheel):
    """Does what pip does for what it copies: the first start is then as quick as any."""

    def run(self) -> None:
        """Make the wheel, and compile the packages where they lie."""
        super().run()
        for package in ("runner", "tempfiles"):
            compileall.compile_dir(package, quiet=1)


setup(cmdclass={"editable_wheel": CompilingEditableWheel})
