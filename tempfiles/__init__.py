"""Track, attribute and remove temporary files.

Each name is imported when it is first used: a program that only opens a run does not load the rest.
"""

import typing
from importlib import import_module as _import_module  # before a test can replace it

__version__ = "0.2.0"

if typing.TYPE_CHECKING:
    from .api.create import *
    from .api.directory import *
    from .api.inventory import *
    from .api.redirect import redirect as redirect
    from .api.trees import *
    from .detection.extra_detectors import Detector as Detector
    from .detection.ignore import CACHE_DIRECTORIES as CACHE_DIRECTORIES
    from .detection.leftovers import leftover_of as leftover_of
    from .errors import *
    from .fileops.write import *
    from .formatting import *
    from .monitor.sampler import Monitor as Monitor
    from .monitor.sampler import Recording as Recording
    from .monitor.timeline import *
    from .monitor.usage import Sample as Sample
    from .processes.running_processes import ProcessDetector as ProcessDetector
    from .records import *
    from .recovery.orphans import *
    from .recovery.reap import Reaped as Reaped
    from .recovery.reap import ReapReport as ReapReport
    from .registry.callbacks import *
    from .registry.cleanup import *
    from .registry.contexts import Context as Context
    from .registry.contexts import activate as activate
    from .registry.contexts import open_contexts as open_contexts
    from .registry.contexts import untracked as untracked
    from .registry.settings import *
    from .reports import *
    from .roots.claim import KEPT_PREFIX as KEPT_PREFIX
    from .roots.location import *
    from .roots.root import system_directory as system_directory
    from .run.retain import *
    from .run.run import *
    from .run.run_contexts import Source as Source
    from .run.so_far import observed as observed
    from .run.so_far import paths_left as paths_left
    from .system.process_state import original_process_state as original_process_state
    from .system.process_state import restore_user as restore_user
    from .system.syscalls import original_os_functions as original_os_functions
    from .system.termination import *

# The public names by the module that defines them: the only list of them.
_HOMES = {
    "api.create": (
        "copy_to_temp create_nested_directory create_temp_directory create_with_content "
        "generate_temp_path temp_directory temp_file"
    ),
    "api.directory": "TempDirectory",
    "api.inventory": (
        "Stats Usage get_context_for_file get_registered_directories get_registered_files "
        "is_registered keep persist register_directory register_file remove remove_directory "
        "stats unregister"
    ),
    "api.redirect": "redirect",
    "api.trees": "SpecialFile Symlink TempTree assert_tree read_tree temp_tree",
    "detection.extra_detectors": "Detector",
    "detection.ignore": "CACHE_DIRECTORIES",
    "detection.leftovers": "leftover_of",
    "processes.running_processes": "ProcessDetector",
    "errors": (
        "ContentError DestinationExistsError EscapeError FileSystemError InvalidNameError "
        "LimitError NotFoundError NotRegisteredError OwnershipError PathTypeError "
        "PermissionDeniedError RefusedError RemovalError SettingError TempFilesError "
        "UnknownContextError"
    ),
    "fileops.write": "try_draft write_atomically",
    "formatting": "format_contents format_count format_size parse_size printable",
    "monitor.sampler": "Monitor Recording",
    "monitor.timeline": "Lane Timeline draw_timeline",
    "monitor.usage": "Sample",
    "records": (
        "Child ContextRecord Finding Leak Leftover Modification Origin Rescued Resource Scope "
        "Unattributed"
    ),
    "recovery.orphans": "has_orphans reap",
    "recovery.reap": "Reaped ReapReport",
    "system.termination": (
        "Terminated catch_termination is_terminated on_termination terminate"
    ),
    "registry.callbacks": "on_context_close on_context_open on_run_close remove_callback",
    "registry.cleanup": "cleanup_all cleanup_context context contexts current_context",
    "registry.contexts": "Context activate open_contexts untracked",
    "registry.settings": "Settings configure get_temp_dir set_temp_dir",
    "reports": "ContextReport Example RemovalFailure RemovalReport RunReport RunSettings Summary",
    "roots.claim": "KEPT_PREFIX",
    "roots.location": "choose_location root_directories",
    "roots.root": "system_directory",
    "run.retain": "Retention RetentionSettings",
    "run.run": "Run",
    "run.run_contexts": "Source",
    "run.so_far": "observed paths_left",
    "system.process_state": "original_process_state restore_user",
    "system.syscalls": "original_os_functions",
}

__all__ = ["__version__", *sorted(" ".join(_HOMES.values()).split())]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names and name in names.split():  # the first saves most of the splitting
            value: object = getattr(_import_module(f".{module}", __name__), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
