"""Tests that leave nothing behind, under any runner."""

import asyncio

from runner import TrackedAsyncTestCase, TrackedTestCase

import gallery

HOLIDAY = {"beach.png": b"\x89PNG", "notes.txt": "sunny", "mountain.jpg": b"\xff\xd8"}


class BuildTests(TrackedTestCase):
    def test_shows_the_pictures_and_nothing_else(self):
        destination = self.createTempDirectory() / "site"
        self.assertEqual(gallery.build(self.createTempTree(HOLIDAY), destination), 2)
        self.assertTreeEqual(
            destination,
            {
                "beach.png": b"\x89PNG",
                "index.html": gallery.page(["beach.png", "mountain.jpg"]),
                "mountain.jpg": b"\xff\xd8",
            },
        )

    def test_never_overwrites(self):
        destination = self.createTempTree({"index.html": "my own"})
        with self.assertRaises(FileExistsError):
            gallery.build(self.createTempTree(HOLIDAY), destination)
        self.assertTreeEqual(destination, {"index.html": "my own"})

    def test_cleans_up_after_itself(self):
        gallery.build(self.createTempTree(HOLIDAY), self.createTempDirectory() / "site")
        self.assertNoLeaks()


class PictureTests(TrackedTestCase):
    @classmethod
    def setUpClass(cls):
        cls.holiday = cls.createClassTempTree(HOLIDAY)

    def test_sorted_by_name(self):
        names = [path.name for path in gallery.pictures(self.holiday)]
        self.assertEqual(names, ["beach.png", "mountain.jpg"])

    def test_names_are_escaped(self):
        self.assertIn("&quot;", gallery.page(['a".png']))


class ConcurrentTests(TrackedAsyncTestCase):
    async def test_two_at_once(self):
        source, place = self.createTempTree(HOLIDAY), self.createTempDirectory()
        builds = (asyncio.to_thread(gallery.build, source, place / name) for name in "ab")
        self.assertEqual(await asyncio.gather(*builds), [2, 2])
