"""Ways of child processes by how a command line, a script or a makefile spells the name."""

from __future__ import annotations

from tests.campaigns.zoo.rows import HOME, PROJECT, SCANNED, TEMP, TMP, Way, way

_CHILD: dict[str, object] = {"imports": "import subprocess", "evidence": SCANNED, "alone": True}
_PLACES = (PROJECT, HOME, TMP)


def _command(name: str, code: str, program: str = "sh", /, **more: object) -> Way:
    """A row whose last line starts a child; nothing but the product's reading names the file."""
    return way(name, code + "  # LEAK", call=(program,), **{**_CHILD, "places": _PLACES, **more})


_SH = "subprocess sh"
_ENV = "env={**os.environ, 'OUT_DIR': place(), 'NAME': SLUG}"

SPELLINGS: tuple[Way, ...] = (
    _command("tilde in a shell command", "os.system(f'touch ~/{SLUG}')", "os.system",
             places=(HOME,)),
    _command("variable HOME in a shell command", "os.system(f'touch $HOME/{SLUG}')", "os.system",
             places=(HOME,)),
    _command("variables of the child's environment",
             f"subprocess.check_call(['sh', '-c', 'echo > \"$OUT_DIR/$NAME\"'], {_ENV})", _SH),
    _command("variable in braces with a default",
             "subprocess.check_call(['sh', '-c', f'touch ${{NONE:-{place()}}}/{SLUG}'])", _SH),
    _command("variable that the command assigns",
             "subprocess.check_call(f'd={place()}; f=$d/{SLUG}; touch $f', shell=True)", _SH),
    _command("change of the directory in a command",
             "subprocess.check_call(f'cd {place()} && touch {SLUG}', shell=True)", _SH),
    _command("working directory of the child",
             "subprocess.check_call(['touch', SLUG], cwd=place())", "subprocess touch"),
    _command("working directory of this process",
             "self.addCleanup(os.chdir, os.getcwd())\nos.chdir(place())\n"
             "subprocess.check_call(['touch', SLUG])", "subprocess touch"),
    _command("directories on the way",
             "subprocess.check_call(['mkdir', '-p', leaf() + '/a/b'])", "subprocess mkdir",
             type="directory", entries=3),
    _command("link on the way",
             "link = os.path.join(tempfile.gettempdir(), 'link')\nos.symlink(place(), link)\n"
             "self.addCleanup(os.unlink, link)\n"
             "subprocess.check_call(['touch', f'{link}/{SLUG}'])", "subprocess touch"),
    _command("link on the way, and the place itself",
             "link = os.path.join(tempfile.gettempdir(), 'link2')\nos.symlink(place(), link)\n"
             "self.addCleanup(os.unlink, link)\nopen(leaf(), 'a').close()  # HERE\n"
             "subprocess.check_call(['touch', f'{link}/{SLUG}'])", "open",
             evidence=("observed",), marks=("HERE",)),
)

_TOUCH = "touch \"$OUT_DIR/{stem}\"\n"


def _run(words: str) -> str:
    return f"subprocess.check_call([{words}], {_ENV})"


SCRIPTS: tuple[Way, ...] = (
    _command("shell script", _run("'sh', 'touch_it.sh'"), _SH,
             files={"touch_it.sh": _TOUCH}),
    _command("shell script with a first line",
             "os.chmod('touch_it', 0o755)\n" + _run("'./touch_it'"), "subprocess touch_it",
             files={"touch_it": f"#!/bin/sh\n{_TOUCH}"}),
    _command("shell script with a tilde", "subprocess.check_call(['sh', 'touch_it.sh'])", _SH,
             files={"touch_it.sh": "touch ~/{stem}\n"}, places=(HOME,)),
    _command("shell script that a script runs", _run("'sh', 'outer.sh'"), _SH,
             files={"outer.sh": "sh ./inner.sh\n", "inner.sh": _TOUCH}),
    _command("shell script that removes itself", _run("'sh', 'once.sh'"), _SH,
             files={"once.sh": f"{_TOUCH}rm once.sh\n"}),
    _command("shell script in a shell command",
             f"subprocess.check_call('cd sub && sh touch_it.sh', shell=True, {_ENV})", _SH,
             files={"sub/touch_it.sh": _TOUCH}),
    _command("make with its default Makefile", _run("'make', '-s'"), "subprocess make",
             programs=("make",), files={"Makefile": "all:\n\ttouch $(OUT_DIR)/{stem}\n"}),
    _command("make with a variable of the Makefile", _run("'make', '-s'"),
             "subprocess make", programs=("make",),
             files={"makefile": "OUT = $(OUT_DIR)/{stem}\nall:\n\ttouch $(OUT)\n"}),
    _command("make in another directory", _run("'make', '-s', '-C', 'sub'"),
             "subprocess make", programs=("make",),
             files={"sub/Makefile": "all:\n\ttouch $(OUT_DIR)/{stem}\n"}),
    _command("make in a shell command",
             f"subprocess.check_call('make -s out', shell=True, {_ENV})", _SH,
             programs=("make",),
             files={"GNUmakefile": "out:\n\ttouch \"$$OUT_DIR/{stem}\"\n"}),
    _command("script in the temp directory",
             "open(leaf('.sh'), 'w').write(f'touch {leaf()}\\n')\n"
             "self.addCleanup(os.unlink, leaf('.sh'))\n"
             "subprocess.check_call(['sh', leaf('.sh')])", _SH, places=(TEMP, *_PLACES)),
)

WAYS = SPELLINGS + SCRIPTS
