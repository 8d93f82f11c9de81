"""Native programs under `--trace-children`: neither a command line nor a script has the names."""

from __future__ import annotations

from tests.campaigns.zoo.rows import EVERYWHERE, HOME, PROJECT, TEMP, TRACED, Way, way

_NAME = "D={place()} S={SLUG}; N=$D/$S$(printf %s $(expr 20 + 3)); "


def _traced(name: str, code: str, call: str, /, **more: object) -> Way:
    settings = {
        "evidence": TRACED, "imports": "import subprocess", "args": ("--trace-children",),
        "alone": True, "name": "{stem}*", "places": (TEMP, PROJECT, HOME), **more}
    return way(f"traced {name}", code, call=(call,), **settings)


def _shell(name: str, text: str, /, **more: object) -> Way:
    code = f"subprocess.check_call(f'{_NAME}{text}', shell=True)  # LEAK"
    return _traced(name, code, "subprocess sh", **more)


WAYS: tuple[Way, ...] = (
    _shell("redirection", "echo x > $N"),
    _shell("touch", "touch $N", places=EVERYWHERE),
    _shell("mkdir", "mkdir $N; echo > $N/x", type="directory", entries=2),
    _shell("symlink", "ln -s nowhere $N", type="symlink"),
    _shell("hard link", "echo > $N.a; ln $N.a $N; rm $N.a"),
    _shell("fifo", "mkfifo $N", type="fifo"),
    _shell("renamed", "echo > $N.a; mv $N.a $N"),
    _shell("copy", "cp /etc/passwd $N"),
    _shell("dd", "dd if=/dev/zero of=$N count=1 status=none"),
    _shell("pipeline", "echo x | tee $N | cat > /dev/null"),
    _shell("process in the background", "(sleep .2; touch $N) & ",
           after="import time; time.sleep(0.6)"),
    _shell("created again by a later command", "echo > $N; rm $N; echo > $N"),
    _traced("mktemp", "subprocess.check_call(['mktemp', '-p', place(), SLUG + 'XXXXXX'], "
            "stdout=-3)  # LEAK", "subprocess mktemp"),
    _traced("os.system", "os.system('touch ' + leaf('$(expr 20 + 3)'))  # LEAK", "os.system"),
    _traced("while the server of the class runs",
            "p = subprocess.Popen(['sleep', '9'])\nself.addCleanup(p.wait); self.addCleanup(p.kill)"
            "\nsubprocess.check_call(['sh', '-c', 'touch $0$$', leaf()])  # LEAK",
            "subprocess sh"),
    _traced("environment of a child that has another one",
            "subprocess.check_call(['sh', '-c', 'touch $N$$'], "
            "env={**os.environ, 'N': leaf()})  # LEAK", "subprocess sh"),
)
