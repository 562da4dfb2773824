"""Fills the registries: importing a module of these packages is all it takes to declare."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from commands.base import bind_traits

PACKAGES = ("aggregates", "commands", "projections", "queries")


@cache
def load() -> None:
    """Import every module of the four packages, once."""
    for package in PACKAGES:
        folder = import_module(package)
        for module in iter_modules(folder.__path__, f"{package}."):
            import_module(module.name)
    bind_traits()
