"""`--trace-children`: a program in C notices nothing of the recorder, and all is recorded."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from tempfiles.events import recorder
from tests.runs.test_trace_children import reason
from tests.support.projects import ProjectTestCase

PROBE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long number) { printf("%s %ld\n", what, number); }

static int make(const char *name)
{
    errno = 7;
    int fd = open(name, O_CREAT | O_WRONLY, 0640);
    if (fd >= 0)
        close(fd);
    return fd;
}

static void *many(void *start)
{
    char name[40];
    for (int i = 0; i < 50; i++) {
        sprintf(name, "thread-%ld-%d", (long)start, i);
        make(name);
    }
    return NULL;
}

static void handler(int number) { (void)number; make("by-handler"); }

int main(void)
{
    say("open", make("plain"));
    say("errno", errno);
    errno = 8;
    FILE *file = fopen("stream", "w");
    say("errno", errno);
    say("number", fileno(file));
    fclose(file);
    say("failed", mkdir("plain", 0700));
    say("errno", errno);
    say("no path", open(NULL, O_CREAT | O_WRONLY, 0600));
    say("errno", errno);
    say("bad path", open((char *)16, O_CREAT | O_WRONLY, 0600));
    say("errno", errno);
    say("exclusive", open("plain", O_CREAT | O_EXCL | O_WRONLY, 0600));
    say("errno", errno);
    struct stat status;
    stat("plain", &status);
    say("mode", status.st_mode & 0777);
    symlink("target", "link-to-nothing");
    say("through", make("link-to-nothing"));
    rename("plain", "renamed");
    rename("renamed", "stream");
    char template[] = "drawn-XXXXXX";
    close(mkstemp(template));
    char directory[] = "directory-XXXXXX";
    say("mkdtemp", mkdtemp(directory) == directory);
    say("nameless", open(".", O_TMPFILE | O_WRONLY, 0600) >= 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, "socket");
    say("bind", bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address));
    int at = open(directory, O_DIRECTORY);
    say("mkdirat", mkdirat(at, "below", 0700));
    fchdir(at);
    make("here");
    chdir("..");

    stack_t stack = {.ss_sp = malloc(MINSIGSTKSZ + 4096), .ss_size = MINSIGSTKSZ + 4096};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);

    pthread_t threads[8];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    for (long i = 0; i < 8; i++)
        pthread_create(&threads[i], &small, many, (void *)i);
    pid_t child = fork();
    if (child == 0) {
        make("by-fork");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    fflush(stdout);
    for (int i = 3; i < 64; i++)
        close(i);
    say("lowest", make("after-closing"));
    return 0;
}
"""
MADE_BY_PROBE = {
    "plain", "stream", "link-to-nothing", "target", "renamed", "drawn-*", "directory-*", "socket",
    "by-handler", "by-fork", "after-closing",
    *(f"thread-{thread}-{number}" for thread in range(8) for number in range(50)),
}


@unittest.skipIf(reason() or not shutil.which("gcc"), reason() or "there is no gcc")
class ProgramTests(ProjectTestCase):
    """One program in all kinds of contexts, with the recorder and without it."""

    def run_probe(self, log: Path | None) -> str:
        directory = self.project / ("traced" if log else "plain")
        directory.mkdir()
        environment = {"PATH": os.environ["PATH"]}
        if log is not None:
            environment |= recorder.variables(str(log), {})
        done = subprocess.run(
            [self.project / "probe"], env=environment, cwd=directory, capture_output=True,
            text=True, check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_program_notices_nothing_and_all_is_recorded(self) -> None:
        source = self.write("probe.c", PROBE)
        subprocess.run(["gcc", "-pthread", "-o", self.project / "probe", source], check=True)
        plain = self.run_probe(None)
        log = self.project / "log"
        with self.subTest("the log is gone"):
            self.assertEqual(self.run_probe(log), plain)
        shutil.rmtree(self.project / "traced")
        log.touch()
        self.assertEqual(self.run_probe(log), plain)
        lines = [line for line in log.read_text("ascii").splitlines() if line]
        words = [eval(line, {"__builtins__": {}}) for line in lines]
        (start,) = (word for word in words if word[0] is None)
        self.assertEqual(start[2], (os.fsencode(self.project / "probe"),))
        self.assertEqual({word[2] for word in words if word[0]}, {start[1]})
        found = [os.path.relpath(os.fsdecode(word[0]), self.project / "traced")
                 for word in words if word[0]]
        names = [f"{name.partition('-')[0]}-*" if name.startswith(("drawn", "directory")) else name
                 for name in found]
        self.assertEqual(sorted(names), sorted(MADE_BY_PROBE))


if __name__ == "__main__":
    unittest.main()
