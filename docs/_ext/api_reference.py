"""The API reference, written from ``__all__``: one page a module, one page a name.

The pages are written before Sphinx looks for sources. A class shows the members that the project
defines; what scikit-learn's bases add (``get_params``, routing requests ...) is described there.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.config import Config

FOLDER = Path("api", "generated")


def public_modules(package: ModuleType) -> list[ModuleType]:
    """The submodules that the package announces, those that they do, and that list their names."""
    names = [name for name in package.__all__ if not name.startswith("__")]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    for family in tuple(modules):
        inner = getattr(family, "_SUBMODULES", ())  # not imported with the family: they load more
        modules += [importlib.import_module(f"{family.__name__}.{name}") for name in inner]
    return [module for module in modules if getattr(module, "__all__", None)]


def own_members(cls: type, root: str) -> list[str]:
    """Public methods and properties that classes below `root` define, in order of definition."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] == root:
            names |= dict.fromkeys(
                name for name, value in vars(base).items() if _shown(name, value)
            )
    return list(names)


def _shown(name: str, value: object) -> bool:
    if name.startswith("_") or (name.startswith("set_") and name.endswith("_request")):
        return False
    routine = inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)
    return (routine or hasattr(value, "__get__")) and bool(inspect.getdoc(value))


def module_page(module: ModuleType) -> str:
    """Title, the module's own words, and a table of its names."""
    title = module.__name__
    names = "\n".join(f"   {name}" for name in module.__all__)
    pages = "\n".join(f"   objects/{title}.{name}" for name in module.__all__)
    return (
        f"{_titled(title)}\n\n.. automodule:: {title}\n   :no-members:\n\n"
        f".. currentmodule:: {title}\n\n.. autosummary::\n   :nosignatures:\n\n{names}\n\n"
        f".. toctree::\n   :hidden:\n\n{pages}\n"
    )


def object_page(module: ModuleType, name: str) -> str:
    """One class, function or constant, and the examples that use it."""
    thing = getattr(module, name)
    head = f"{_titled(name)}\n\n.. currentmodule:: {module.__name__}\n\n"
    tail = f"\n.. minigallery:: {module.__name__}.{name}\n   :add-heading: Examples that use it\n"
    if inspect.isclass(thing):
        members = ", ".join(own_members(thing, module.__name__.split(".")[0]))
        option = f"   :members: {members}\n" if members and not issubclass(thing, tuple) else ""
        return f"{head}.. autoclass:: {name}\n{option}{tail}"
    if inspect.isroutine(thing):
        return f"{head}.. autofunction:: {name}\n{tail}"
    return f"{head}.. autodata:: {name}\n{tail}"


def _titled(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def write_pages(app: Sphinx, config: Config) -> None:
    """Write every page anew; an unchanged page keeps its time stamp and is not read again."""
    folder = Path(app.srcdir, FOLDER)
    pages: dict[Path, str] = {}
    for module in public_modules(importlib.import_module(config.api_reference_package)):
        pages[folder / f"{module.__name__}.rst"] = module_page(module)
        for name in module.__all__:
            pages[folder / "objects" / f"{module.__name__}.{name}.rst"] = object_page(module, name)
    for stale in set(folder.rglob("*.rst")) - set(pages) if folder.exists() else ():
        stale.unlink()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("api_reference_package", "", "env", [str])
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
