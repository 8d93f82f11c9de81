"""A headless Chromium, driven over the W3C WebDriver protocol with the standard library alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
    "google-chrome"
)
CHROMEDRIVER = shutil.which("chromedriver")
MISSING = None if CHROMIUM and CHROMEDRIVER else "Chromium or its chromedriver is not installed"
if "NO_BROWSER" in os.environ:
    MISSING = "NO_BROWSER is set"

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1280,1400",
)
_ATTEMPTS = 5
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One browser with a profile of its own; `close` ends it and removes all that it wrote.

    Attributes:
        directory: the directory of its profile, which tests may write to.
    """

    def __init__(self) -> None:
        assert CHROMIUM and CHROMEDRIVER
        self._directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        home = self.directory = self._directory.name
        self._environment = {**os.environ, "HOME": home, "TMPDIR": home, "XDG_CONFIG_HOME": home,
                             "XDG_CACHE_HOME": home}
        self._session = ""
        self._driver, port = self._started_driver()
        self._base = f"http://127.0.0.1:{port}"
        try:
            self._session = self._start(home)
        except BaseException:
            self.close()
            raise

    def _started_driver(self) -> tuple[subprocess.Popen[str], int]:
        # The driver takes a free port for IPv4 and wants the same one for IPv6: another process
        # may have taken that one, and then it exits.
        said = ""
        for _ in range(_ATTEMPTS):
            driver = subprocess.Popen(
                [str(CHROMEDRIVER), "--port=0"], env=self._environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
            assert driver.stdout is not None
            for line in driver.stdout:
                said += line
                if "started successfully on port" in line:
                    return driver, int(line.rstrip().rstrip(".").rpartition(" ")[2])
            driver.stdout.close()
            said += f"(exit status {driver.wait()})\n"
        self._remove()
        raise OSError(f"chromedriver did not start:\n{said}")

    def _start(self, home: str) -> str:
        options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={home}/profile"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL"}}
        reply = self._post("/session", {"capabilities": {"alwaysMatch": wanted}})
        return f"/session/{reply['sessionId']}"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self._base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise OSError(error.read().decode()) from error

    def open(self, url: str) -> None:
        """Load a page and wait until it has."""
        self._post(f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """Run JavaScript in the page; what it returns comes back."""
        return self._post(f"{self._session}/execute/sync", {"script": script, "args": arguments})

    def label(self, selector: str) -> str:
        """Return the accessible name of an element, which is what a screen reader says."""
        path = f"{self._session}/element/{self._find(selector)}/computedlabel"
        with urllib.request.urlopen(self._base + path, timeout=60) as reply:
            return str(json.load(reply)["value"])

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector, as a user does."""
        self._post(f"{self._session}/element/{self._find(selector)}/click", {})

    def type(self, selector: str, keys: str) -> None:
        """Type into an element."""
        self._post(f"{self._session}/element/{self._find(selector)}/value", {"text": keys})

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        self._do_keys([(kind, key) for key in keys for kind in ("keyDown", "keyUp")])

    def press_shifted(self, key: str, times: int) -> None:
        """Press a key several times while Shift is held."""
        shift = "\ue008"
        presses = [("keyDown", key), ("keyUp", key)] * times
        self._do_keys([("keyDown", shift), *presses, ("keyUp", shift)])

    def paste(self) -> None:
        """Paste what is on the clipboard, wherever the focus is."""
        control = "\ue009"
        self._do_keys([("keyDown", control), ("keyDown", "v"), ("keyUp", "v"), ("keyUp", control)])

    def _do_keys(self, events: list[tuple[str, str]]) -> None:
        actions = [{"type": kind, "value": key} for kind, key in events]
        self._post(f"{self._session}/actions",
                   {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def _find(self, selector: str) -> str:
        found = self._post(f"{self._session}/element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])

    def prefer(self, theme: str, medium: str = "") -> None:
        """Make the system prefer `dark` or `light`, and the medium `print` or the screen."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self._command("Emulation.setEmulatedMedia", features=features, media=medium)

    def resize(self, width: int, height: int = 1000) -> None:
        """Give the page a window of this size in pixels; a width of 0 is the window's own."""
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=False)

    def point(self, selector: str, share: float) -> None:
        """Move the mouse over an element, to this share of its width from the left."""
        box = self.run("""const element = document.querySelector(arguments[0]);
            element.scrollIntoView({ block: "center" });
            return element.getBoundingClientRect()""", selector)
        self._command("Input.dispatchMouseEvent", type="mouseMoved",
                      x=box["x"] + share * box["width"], y=box["y"] + box["height"] / 2)

    def photograph(self) -> str:
        """Return what the window shows as PNG, in base64."""
        return str(self._command("Page.captureScreenshot", format="png")["data"])

    def _command(self, name: str, **parameters: object) -> Any:
        body = {"cmd": name, "params": parameters}
        return self._post(f"{self._session}/goog/cdp/execute", body)

    def log(self) -> list[str]:
        """Return what the console has said since it was last asked."""
        return [entry["message"] for entry in self._post(f"{self._session}/se/log",
                                                         {"type": "browser"})]

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            if self._session:
                request = urllib.request.Request(self._base + self._session, method="DELETE")
                with urllib.request.urlopen(request, timeout=60) as reply:
                    reply.read()
        finally:
            self._driver.terminate()
            self._driver.wait()
            assert self._driver.stdout is not None
            self._driver.stdout.close()
            self._remove()

    def _remove(self) -> None:
        # The last processes of a browser may still write for a moment.
        for _ in range(50):
            self._directory.cleanup()
            if not os.path.exists(self._directory.name):
                return
            time.sleep(0.1)
