"""Django's test runner with leak reports, on a project with a model and a migration."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from tests.hosts.sessions import has
from tests.support.programs import Outcome
from tests.support.projects import ProjectTestCase

SETTINGS = """\
SECRET_KEY = "x"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "TEST": {"NAME": DATABASE},
}}
TEST_RUNNER = "runner.integrations.django.TidyDiscoverRunner"
MEDIA_ROOT = "media"
STATIC_URL = "/static/"
ROOT_URLCONF = "urls"
USE_TZ = True
"""
MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
if __name__ == "__main__":
    import multiprocessing
    if "METHOD" in os.environ:
        multiprocessing.set_start_method(os.environ["METHOD"])
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
MODELS = """\
from django.db import models

class Item(models.Model):
    name = models.CharField(max_length=9)
    file = models.FileField(upload_to="items")
"""
MIGRATION = """\
from django.db import migrations, models

def write(apps, editor):
    open("migrated.txt", "w").close()

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel("Item", [
            ("id", models.AutoField(primary_key=True)),
            ("name", models.CharField(max_length=9)),
            ("file", models.FileField(upload_to="items")),
        ]),
        migrations.RunPython(write),
    ]
"""
TESTS = """\
import os, tempfile, urllib.error, urllib.request
from django.core.files.base import ContentFile
from django.test import (
    LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase, override_settings,
)
from .models import Item

def leave(name):
    return tempfile.mkdtemp(prefix=name + "-")

class DataTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.item = Item.objects.create(name="x")
        leave("data")
    def test_upload(self):
        self.item.file.save("a.txt", ContentFile(b"abc"))
    def test_clean(self):
        os.rmdir(leave("clean"))

class TransactionTests(TransactionTestCase):
    def test_transaction(self):
        Item.objects.create(name="y")
        leave("transaction")

class LaterTests(SimpleTestCase):
    def _pre_setup(self):
        super()._pre_setup()
        self.removed = leave("removed")
    def _post_teardown(self):
        super()._post_teardown()
        os.rmdir(self.removed)
    def test_settings(self):
        with override_settings(MEDIA_ROOT=leave("settings")):
            pass
    async def test_async(self):
        leave("async")

class LiveTests(LiveServerTestCase):
    def test_live(self):
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(self.live_server_url)
        leave("live")
"""
EXPECTED = {
    "data": "shop.tests.DataTests",
    "media": "shop.tests.DataTests.test_upload",
    "transaction": "shop.tests.TransactionTests.test_transaction",
    "settings": "shop.tests.LaterTests.test_settings",
    "async": "shop.tests.LaterTests.test_async",
    "live": "shop.tests.LiveTests.test_live",
}


@unittest.skipUnless(has("django"), "Django is not installed: pip install 'tidytest[hosts]'")
class DjangoTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name, text in {
            "settings.py": SETTINGS.replace("DATABASE}", "None}"), "manage.py": MANAGE,
            "urls.py": "urlpatterns = []\n", "shop/__init__.py": "", "shop/models.py": MODELS,
            "shop/migrations/__init__.py": "", "shop/migrations/0001_initial.py": MIGRATION,
            "shop/tests.py": TESTS,
        }.items():
            self.write(name, text)

    def manage_test(self, *words: str, code: int = 0, **environment: str) -> Outcome:
        """Run `manage.py test`, and hold that it leaves nothing in the temp directory."""
        outcome = self.run_python(
            "manage.py", "test", "--leak-json", "leaks.json", *words, **environment
        )
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertEqual(list(self.base.iterdir()), [], outcome.err)
        return outcome

    def leaks(self) -> dict[str, str]:
        document = json.loads((self.project / "leaks.json").read_text("utf-8"))
        found: dict[str, str] = {}
        for leak in document["leaks"]:
            name = Path(leak["path"]).name.partition("-")[0]
            self.assertNotIn(name, found, "reported twice")
            found[name] = leak["context"]
        return found

    def remove_media(self) -> None:
        (self.project / "media/items/a.txt").unlink()
        (self.project / "media/items").rmdir()
        (self.project / "media").rmdir()

    def test_each_test_owns_what_it_leaves(self) -> None:
        outcome = self.manage_test("--leaks", "fail", "-v2", "--buffer", "--leak-lines", code=1)
        self.assertRegex(outcome.out, r"(?m)^shop/tests\.py:\d+: 5 temporary files left by")
        self.assertEqual(self.leaks(), EXPECTED)
        self.assertIn("Ran 6 tests", outcome.err)
        self.assertRegex(outcome.err, r"test_upload .* \.\.\. LEAK\n")
        self.assertRegex(outcome.err, r"test_async .* \.\.\. LEAK\n")
        self.assertIn("\nclass shop.tests.DataTests\n", outcome.err)
        self.assertIn("tearDownClass (shop.tests.DataTests) ... LEAK\n", outcome.err)
        self.assertNotRegex(outcome.err, r"test_clean .* \.\.\. LEAK")
        self.assertTrue((self.project / "migrated.txt").exists())

    def test_processes_report_what_one_process_does(self) -> None:
        import django

        later = ("forkserver",) if django.VERSION >= (6,) else ()
        for method in ("fork", "spawn", *later):
            with self.subTest(method):
                self.manage_test("--parallel", "2", METHOD=method)
                self.assertEqual(self.leaks(), EXPECTED)
                self.remove_media()

    def test_databases_that_are_kept_are_no_leak(self) -> None:
        self.write("settings.py", SETTINGS.replace("DATABASE}", "'test.sqlite3'}"))
        self.manage_test("--keepdb", "shop.tests.TransactionTests")
        self.assertTrue((self.project / "test.sqlite3").exists())
        self.assertEqual(set(self.leaks()), {"transaction"})

    def test_wrong_values_are_refused_with_one_line(self) -> None:
        outcome = self.run_python("manage.py", "test", "--leaks", "never")
        self.assertEqual(outcome.code, 1)
        self.assertEqual(len(outcome.err.strip().splitlines()), 1, outcome.err)
        self.assertIn("--leaks", outcome.err)

    def test_the_baseline_and_marks_are_the_runners(self) -> None:
        self.manage_test("--update-baseline", "shop.tests.TransactionTests")
        outcome = self.manage_test("--leaks", "fail", "shop.tests.TransactionTests")
        self.assertIn("Known leaks: 1 of 1", outcome.err)
        self.write("shop/tests.py", TESTS.replace(
            "class TransactionTests", "import runner\n@runner.leaks('off')\nclass TransactionTests"
        ))
        (self.project / ".tidytest-leaks.json").unlink()
        self.manage_test("--leaks", "fail", "shop.tests.TransactionTests")
        self.assertEqual(self.leaks(), {})


if __name__ == "__main__":
    unittest.main()
