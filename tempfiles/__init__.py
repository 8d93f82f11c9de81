"""Track, attribute and remove temporary files.

The names are imported when they are first asked for: a program that only opens a run does not pay
for the rest.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # not from `typing`, which takes as long to import as all that a run needs
if TYPE_CHECKING:
    from .api.counting import Stats, Usage, get_registered_directories, get_registered_files, stats
    from .api.create import (
        copy_to_temp,
        create_nested_directory,
        create_temp_directory,
        create_with_content,
        generate_temp_path,
        temp_directory,
        temp_file,
    )
    from .api.directory import TempDirectory
    from .api.inventory import (
        get_context_for_file,
        is_registered,
        keep,
        persist,
        register_directory,
        register_file,
        remove,
        remove_directory,
        unregister,
    )
    from .api.tree_contents import SpecialFile, Symlink
    from .api.trees import TempTree, assert_tree, read_tree, temp_tree
    from .errors import (
        ContentError,
        DestinationExistsError,
        EscapeError,
        FileSystemError,
        InvalidNameError,
        LimitError,
        NotFoundError,
        NotRegisteredError,
        OwnershipError,
        PathTypeError,
        PermissionDeniedError,
        RefusedError,
        RemovalError,
        SettingError,
        TempFilesError,
        UnknownContextError,
    )
    from .records import (
        ContextRecord,
        ContextReport,
        Leak,
        Origin,
        RemovalFailure,
        RemovalReport,
        Resource,
    )
    from .registry.callbacks import on_context_close, on_context_open, on_run_close, remove_callback
    from .registry.cleanup import cleanup_all, cleanup_context, context, contexts, current_context
    from .registry.settings import Settings, configure, get_temp_dir, set_temp_dir
    from .reports import RunReport, RunSettings, Summary
    from .run.run import Run
del TYPE_CHECKING

__all__ = [
    "ContentError",
    "ContextRecord",
    "ContextReport",
    "DestinationExistsError",
    "EscapeError",
    "FileSystemError",
    "InvalidNameError",
    "Leak",
    "LimitError",
    "NotFoundError",
    "NotRegisteredError",
    "Origin",
    "OwnershipError",
    "PathTypeError",
    "PermissionDeniedError",
    "RefusedError",
    "RemovalError",
    "RemovalFailure",
    "RemovalReport",
    "Resource",
    "Run",
    "RunReport",
    "RunSettings",
    "SettingError",
    "Settings",
    "SpecialFile",
    "Stats",
    "Summary",
    "Symlink",
    "TempDirectory",
    "TempFilesError",
    "TempTree",
    "UnknownContextError",
    "Usage",
    "__version__",
    "assert_tree",
    "cleanup_all",
    "cleanup_context",
    "configure",
    "context",
    "contexts",
    "copy_to_temp",
    "create_nested_directory",
    "create_temp_directory",
    "create_with_content",
    "current_context",
    "generate_temp_path",
    "get_context_for_file",
    "get_registered_directories",
    "get_registered_files",
    "get_temp_dir",
    "is_registered",
    "keep",
    "on_context_close",
    "on_context_open",
    "on_run_close",
    "persist",
    "read_tree",
    "register_directory",
    "register_file",
    "remove",
    "remove_callback",
    "remove_directory",
    "set_temp_dir",
    "stats",
    "temp_directory",
    "temp_file",
    "temp_tree",
    "unregister",
]

_HOMES = {
    "registry.callbacks": "on_context_close on_context_open on_run_close remove_callback",
    "registry.cleanup": "cleanup_all cleanup_context context contexts current_context",
    "api.counting": "Stats Usage get_registered_directories get_registered_files stats",
    "api.create": (
        "copy_to_temp create_nested_directory create_temp_directory create_with_content "
        "generate_temp_path temp_directory temp_file"
    ),
    "api.directory": "TempDirectory",
    "errors": (
        "ContentError DestinationExistsError EscapeError FileSystemError InvalidNameError "
        "LimitError NotFoundError NotRegisteredError OwnershipError PathTypeError "
        "PermissionDeniedError RefusedError RemovalError SettingError TempFilesError "
        "UnknownContextError"
    ),
    "api.inventory": (
        "get_context_for_file is_registered keep persist register_directory register_file "
        "remove remove_directory unregister"
    ),
    "records": (
        "ContextRecord ContextReport Leak Origin RemovalFailure RemovalReport Resource"
    ),
    "reports": "RunReport RunSettings Summary",
    "registry.settings": "Settings configure get_temp_dir set_temp_dir",
    "run.run": "Run",
    "api.tree_contents": "SpecialFile Symlink",
    "api.trees": "TempTree assert_tree read_tree temp_tree",
}


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
