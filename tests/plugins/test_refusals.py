"""Hook plugins that are not right: refused whole, with the hook and the right way."""

import functools
import types

import pytest

from smoothop import PluginError, Registry, hookimpl


def module(source):
    made = types.ModuleType("acme")
    exec(compile(f"from smoothop import hookimpl\n{source}", "acme.py", "exec"), vars(made))
    return made


WRONG = {
    "@hookimpl\ndef smoothop_panics(worker): ...": (
        "there is no hook smoothop_panics; did you mean 'smoothop_panic'? (at acme.py:2)"
    ),
    "@hookimpl\ndef on_panic(worker): ...": (
        "there is no hook on_panic; did you mean 'smoothop_panic'? (at acme.py:2)"
    ),
    "@hookimpl(specname='smoothop_hnadle')\ndef note(): ...": (
        "there is no hook smoothop_hnadle; did you mean 'smoothop_handle'? (at acme.py:2)"
    ),
    "def smoothop_paniced(worker): ...": (
        "there is no hook smoothop_paniced; did you mean 'smoothop_panic'? (at acme.py:2)"
    ),
    "def smoothop_panic(worker): ...": (
        "smoothop_panic would never be called: mark it with @hookimpl (at acme.py:2)"
    ),
    "class Hook:\n  def __call__(self): ...\nsmoothop_panic = Hook()": (
        "smoothop_panic would never be called: make it a plain function (at "
    ),
    "@hookimpl\ndef smoothop_panic(worker, evnet): ...": (
        "smoothop_panic has no argument 'evnet'; did you mean 'event'? (at acme.py:2)"
    ),
    "@hookimpl\ndef smoothop_panic(weather): ...": (
        "smoothop_panic has no argument 'weather'; it has worker, event, exception (at acme.py:2)"
    ),
    "@hookimpl\ndef smoothop_panic(*, worker): ...": (
        "smoothop_panic gets its arguments by position: 'worker' must not be keyword-only"
    ),
    "@hookimpl\nasync def smoothop_panic(worker): ...": (
        "smoothop_panic must be a plain function, it is async (at acme.py:2)"
    ),
    "@hookimpl\ndef smoothop_panic(worker): yield": (
        "smoothop_panic must be a plain function, it is a generator (at acme.py:2)"
    ),
    "@hookimpl\nasync def smoothop_panic(worker): yield": (
        "smoothop_panic must be a plain function, it is a generator (at acme.py:2)"
    ),
    "@hookimpl(wrapper=True)\ndef smoothop_panic(worker): return (yield)": (
        "smoothop_panic must be a plain function, it is a hook wrapper (at acme.py:2)"
    ),
    "@hookimpl(hookwrapper=True)\ndef smoothop_panic(worker): yield": (
        "smoothop_panic must be a plain function, it is a hook wrapper (at acme.py:2)"
    ),
}


@pytest.mark.parametrize("source", WRONG)
def test_it_is_refused_with_hook_place_and_the_right_way(source):
    registry = Registry()
    with pytest.raises(PluginError) as caught:
        registry.hooks.register(module(source), "acme")
    assert str(caught.value).startswith(WRONG[source])


@pytest.mark.parametrize("source", WRONG)
def test_nothing_of_a_refused_plugin_is_registered(source):
    registry = Registry()
    right = "@hookimpl\ndef smoothop_add_handlers(registry): ...\n"
    also_right = "\n@hookimpl\ndef smoothop_worker_added(worker): ..."
    plugin = module(right + source + also_right)
    with pytest.raises(PluginError):
        registry.hooks.register(plugin, "acme")
    assert registry.plugins == ()
    assert not registry.hooks.is_registered(plugin)
    for hook in ("smoothop_add_handlers", "smoothop_worker_added", "smoothop_panic"):
        assert getattr(registry.hooks.hook, hook).get_hookimpls() == []


@pytest.mark.parametrize(("plugin", "what"), [(None, "None"), (Registry, "a class")])
def test_what_is_neither_module_nor_object_is_refused(plugin, what):
    with pytest.raises(PluginError, match=f"it is {what}: a hook plugin is a module or an object"):
        Registry().hooks.register(plugin, "acme")


def test_one_object_cannot_be_two_plugins():
    registry, plugin = Registry(), module("")
    registry.hooks.register(plugin, "one")
    with pytest.raises(PluginError, match="the same object is registered already, as one"):
        registry.hooks.register(plugin, "two")


RIGHT = {
    "default": "@hookimpl\ndef smoothop_panic(worker, weather=None): ...",
    "rest": "@hookimpl\ndef smoothop_panic(*args, **kwargs): ...",
    "optional": "@hookimpl(optionalhook=True)\ndef smoothop_of_the_future(thing): ...",
    "package": "import types\nsmoothop_prometheus = types.ModuleType('smoothop_prometheus')",
    "value": "smoothop_version = '1.0'",
    "class": "class smoothop_thing: ...",
    "renamed": "@hookimpl(specname='smoothop_panic')\ndef note(event): ...",
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_what_only_looks_odd_is_accepted(source):
    registry = Registry()
    registry.hooks.register(module(source), "acme")
    (info,) = registry.plugins
    assert (info.name, info.state) == ("acme", "ok")


def test_a_partial_of_a_hook_is_refused_because_pluggy_would_pass_it_over():
    class Plugin:
        smoothop_panic = functools.partial(print)

    with pytest.raises(PluginError, match="make it a plain function"):
        Registry().hooks.register(Plugin(), "acme")


def test_no_property_of_a_plugin_is_read():
    class Plugin:
        @property
        def secret(self):
            raise AssertionError

        @functools.cached_property
        def smoothop_other(self):
            raise AssertionError

        @hookimpl
        def smoothop_worker_added(self, worker): ...

        @staticmethod
        @hookimpl
        def smoothop_worker_removed(worker): ...

        @classmethod
        @hookimpl
        def smoothop_panic(cls, worker): ...

    registry = Registry()
    registry.hooks.register(Plugin(), "acme")
    assert registry.plugins[0].hooks == (
        "smoothop_panic",
        "smoothop_worker_added",
        "smoothop_worker_removed",
    )
