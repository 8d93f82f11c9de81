"""Track, attribute and remove temporary files.

Each name is imported when it is first used: a program that only opens a run does not load the rest.
"""

import typing

__version__ = "0.1.0"

if typing.TYPE_CHECKING:
    from .api.create import *
    from .api.directory import *
    from .api.inventory import *
    from .api.trees import *
    from .detection.detector import Detector as Detector
    from .detection.running import ProcessDetector as ProcessDetector
    from .errors import *
    from .records import *
    from .recovery.orphans import *
    from .recovery.reap import Reaped as Reaped
    from .recovery.reap import ReapReport as ReapReport
    from .recovery.termination import *
    from .registry.callbacks import *
    from .registry.cleanup import *
    from .registry.contexts import Context as Context
    from .registry.settings import *
    from .reports import *
    from .roots.location import root_directories as root_directories
    from .roots.root import system_directory as system_directory
    from .run.retain import *
    from .run.run import *

# The public names by the module that defines them: the only list of them.
_HOMES = {
    "registry.callbacks": "on_context_close on_context_open on_run_close remove_callback",
    "registry.contexts": "Context",
    "registry.cleanup": "cleanup_all cleanup_context context contexts current_context",
    "api.create": (
        "copy_to_temp create_nested_directory create_temp_directory create_with_content "
        "generate_temp_path temp_directory temp_file"
    ),
    "api.directory": "TempDirectory",
    "detection.detector": "Detector",
    "detection.running": "ProcessDetector",
    "errors": (
        "ContentError DestinationExistsError EscapeError FileSystemError InvalidNameError "
        "LimitError NotFoundError NotRegisteredError OwnershipError PathTypeError "
        "PermissionDeniedError RefusedError RemovalError SettingError TempFilesError "
        "UnknownContextError"
    ),
    "api.inventory": (
        "Stats Usage get_context_for_file get_registered_directories get_registered_files "
        "is_registered keep persist register_directory register_file remove remove_directory "
        "stats unregister"
    ),
    "records": (
        "ContextRecord Finding Leak Origin Resource"
    ),
    "recovery.orphans": "has_orphans reap",
    "recovery.reap": "Reaped ReapReport",
    "recovery.termination": (
        "Terminated catch_termination is_terminated on_termination terminate"
    ),
    "reports": "ContextReport RemovalFailure RemovalReport RunReport RunSettings Summary",
    "registry.settings": "Settings configure get_temp_dir set_temp_dir",
    "roots.location": "root_directories",
    "roots.root": "system_directory",
    "run.retain": "Retention RetentionSettings",
    "run.run": "Run",
    "api.trees": "SpecialFile Symlink TempTree assert_tree read_tree temp_tree",
}

__all__ = ["__version__", *sorted(" ".join(_HOMES.values()).split())]


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names.split():
            from importlib import import_module

            value: object = getattr(import_module(f".{module}", __name__), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
