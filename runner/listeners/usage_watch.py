"""Sample the disk usage of the temp directory while the tests run."""

from __future__ import annotations

from collections.abc import Callable

from tempfiles import Monitor, Recording, Sample, SettingError

from ..errors import UsageError

_INTERVAL = 0.2  # seconds; the monitor makes it longer where a sample takes long


class Watcher:
    """Samples the temp directory of a run, for `--monitor` and the HTML page.

    Args:
        path: the file in which to record the samples, if any.

    Raises:
        UsageError: the file cannot be written, or its name has none of the known endings.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._monitor: Monitor | None = None
        try:
            self._recording = Recording(path) if path is not None else None
        except SettingError as error:
            raise UsageError(f"--monitor: {error}") from None
        except OSError as error:
            raise UsageError(f"--monitor {path}: {error.strerror}") from None

    def start(self, directory: str, current_context: Callable[[], str]) -> None:
        """Begin to sample.

        Args:
            directory: the root of the run.
            current_context: returns the id of the context that is open, to be noted in a sample.
        """
        append = self._recording.append if self._recording is not None else None
        self._monitor = Monitor(directory, _INTERVAL, current_context, append)
        self._monitor.start()

    def stop(self) -> list[Sample]:
        """Take a last sample, and return all samples.

        Raises:
            OSError: some could not be recorded.
        """
        if self._monitor is None:
            return []
        monitor, self._monitor = self._monitor, None
        samples = monitor.stop()
        if self._recording is not None:
            self._recording.close()
            if monitor.error is not None:
                raise OSError(f"--monitor {self._path}: {monitor.error}")
        return samples
