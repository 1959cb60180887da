"""Supervised background workers for Python, extended by ``pip install``.

A *handler* does one unit of work; a *worker* repeats it, survives its crashes, backs off, idles,
wakes for messages and stops when asked; the `Operator` owns the workers.

Importing this package loads nothing else, so that ``smoothop run`` can take care of signals before
anything that takes time. The first use of a name loads the words and the engine; `Registry`,
`hookimpl` and `hookspecs` bring the plugin machinery.
"""

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all that is needed here
if TYPE_CHECKING:
    from smoothop._public import *  # noqa: F403 - its `__all__` is ours
else:

    def __getattr__(name):
        if name.startswith("__") and name != "__all__":  # questions of tools, not a use of a name
            raise AttributeError(f"module 'smoothop' has no attribute {name!r}")
        import smoothop._public as public  # noqa: PLC0415 - `from` would ask us again

        if name not in globals():  # otherwise a module of ours, which is loaded by now
            globals()[name] = getattr(public, name)
        return globals()[name]

    def __dir__():
        return sorted({*globals(), *__getattr__("__all__")})
