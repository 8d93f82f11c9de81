import os
import tempfile


def cleans_up() -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"content")


def leaves_a_file() -> None:
    fd, _ = tempfile.mkstemp()
    os.write(fd, b"content")
    os.close(fd)


def leaves_a_variable() -> None:
    os.environ["MODE"] = "test"
