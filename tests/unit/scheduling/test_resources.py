"""Resources that tests name: the settings must know them."""

from __future__ import annotations

import unittest

from runner.errors import UsageError
from runner.marks import ResourceUse
from runner.scheduling.plan import Unit
from runner.scheduling.resources import refuse_unknown


def unit(name: str, exclusive: bool) -> Unit:
    return Unit(0, "m.A", range(1), frozenset({ResourceUse(name, exclusive)}))


class UnknownResourceTests(unittest.TestCase):
    def message(self, name: str, exclusive: bool, **limits: int) -> str:
        with self.assertRaises(UsageError) as caught:
            refuse_unknown([unit(name, exclusive)], limits)
        return str(caught.exception)

    def test_shared_use_needs_an_entry(self) -> None:
        self.assertEqual(
            self.message("db", False),
            "m.A: there is no resource 'db' in [tool.tidytest.resources];"
            " add `db = { max = 1 }`",
        )

    def test_misspelt_name_is_refused_with_the_nearest(self) -> None:
        for exclusive in (True, False):
            message = self.message("databse", exclusive, database=2, gpu=1)
            self.assertIn("there is no resource 'databse'", message)
            self.assertIn("the nearest is 'database'", message)

    def test_exclusive_use_needs_no_settings(self) -> None:
        refuse_unknown([unit("db", True)], {})
        refuse_unknown([unit("db", True), unit("db", False)], {"db": 3})


if __name__ == "__main__":
    unittest.main()
