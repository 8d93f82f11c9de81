"""Redirect `tempfile`: nested, overlapping and failing blocks restore what was before them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading

import tempfiles
from tests.support.isolation import IsolatedTestCase


class RedirectTests(IsolatedTestCase):
    def places(self) -> tuple[str | None, ...]:
        return tempfile.gettempdir(), os.environ.get("TMPDIR"), os.environ.get("TMP")

    def setUp(self) -> None:
        super().setUp()
        before = self.places()
        self.addCleanup(lambda: self.assertEqual(self.places(), before))

    def test_files_of_all_callers_are_removed(self) -> None:
        ask = [sys.executable, "-Sc", "import tempfile; print(tempfile.mkdtemp(), end='')"]
        made: list[str] = []
        with tempfiles.redirect() as directory:
            made += [tempfile.mkdtemp(), tempfile.mkstemp()[1]]
            thread = threading.Thread(target=lambda: made.append(tempfile.mkdtemp()))
            thread.start()
            thread.join()
            made.append(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)
            self.assertEqual({os.path.dirname(path) for path in made}, {str(directory)})
            self.assertEqual(directory.parent, self.base)
            self.assertEqual(tempfiles.get_context_for_file(directory),
                             tempfiles.current_context())  # fmt: skip
        self.assertEqual(self.left(), [])

    def test_block_that_fails_is_undone(self) -> None:
        with self.assertRaises(ZeroDivisionError), tempfiles.redirect():
            tempfile.mkdtemp()
            raise ZeroDivisionError
        self.assertEqual(self.left(), [])

    def test_working_directory_is_redirected_on_request(self) -> None:
        before = os.getcwd()
        with tempfiles.redirect(chdir=True) as directory:
            self.assertEqual(os.path.realpath(directory), os.getcwd())
        self.assertEqual(os.getcwd(), before)
        self.assertEqual(self.left(), [])

    def test_decorated_function_has_a_directory_for_each_call(self) -> None:
        made = tempfiles.redirect()(tempfile.gettempdir)
        self.assertNotEqual(made(), made())
        self.assertEqual(self.left(), [])

    def test_blocks_that_overlap_end_in_any_order(self) -> None:
        for first in (0, 1, 2):
            for second in {0, 1, 2} - {first}:
                blocks = [tempfiles.redirect() for _ in range(3)]
                paths = [block.__enter__() for block in blocks]
                open_ones = [0, 1, 2]
                for number in (first, second, ({0, 1, 2} - {first, second}).pop()):
                    self.assertEqual(tempfile.gettempdir(), str(paths[open_ones[-1]]))
                    blocks[number].__exit__(None, None, None)
                    open_ones.remove(number)
                    self.assertTrue(all(paths[number].exists() for number in open_ones))
                self.assertEqual(self.left(), [])

    def test_what_the_block_has_set_itself_stays(self) -> None:
        before = tempfile.tempdir
        self.addCleanup(setattr, tempfile, "tempdir", before)
        with tempfiles.redirect():
            tempfile.tempdir = str(self.outside)
        self.assertEqual(tempfile.gettempdir(), str(self.outside))
        tempfile.tempdir = before
