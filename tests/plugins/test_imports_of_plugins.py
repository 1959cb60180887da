"""What happens when hook plugins are imported: their order, and what an import must not change."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from smoothop.plugins.hooks import Hooks
from smoothop.plugins.info import PluginInfo
from smoothop.plugins.side_effects import undone

INFO = PluginInfo("noisy", "acme_noisy", "acme-noisy", "1.0")
NOTES = """
from smoothop import hookimpl

@hookimpl{options}
def smoothop_cli(app):
    app.append(__name__)
"""


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Plugins of these names, each with the options of its mark."""

    def publish(**options):
        monkeypatch.syspath_prepend(tmp_path)
        for name, option in options.items():
            (tmp_path / f"{name}.py").write_text(NOTES.format(options=option))
            monkeypatch.delitem(sys.modules, name, raising=False)
        return [PluginInfo(name, name, f"acme-{name}", "1.0") for name in sorted(options)]

    return publish


def test_plugins_are_called_in_the_order_of_their_names_but_for_first_and_last(published):
    infos = published(order_a="(trylast=True)", order_b="", order_c="", order_d="(tryfirst=True)")
    hooks, calls = Hooks(infos, 10), []
    for plugin in hooks.in_order("smoothop_cli"):
        hooks.call(plugin, "smoothop_cli", app=calls)
    assert calls == ["order_d", "order_b", "order_c", "order_a"]
    assert [info.name for info in hooks.infos] == ["order_a", "order_b", "order_c", "order_d"]
    assert hooks.manager.hook.smoothop_cli(app=[]) == []  # pluggy agrees
    by_pluggy = []
    hooks.manager.hook.smoothop_cli(app=by_pluggy)
    assert by_pluggy == calls


def test_a_changed_directory_and_changed_signals_are_put_back_and_told(tmp_path, caplog):
    # Of our own: a suite that runs in the background of a shell finds SIGINT ignored already.
    def handler(*_): ...

    before, found = Path.cwd(), signal.signal(signal.SIGINT, handler)
    try:
        with undone(INFO, "; do this"):
            os.chdir(tmp_path)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert Path.cwd() == before
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, found)
    (record,) = caplog.records
    assert record.getMessage() == (
        "plugin 'noisy' of acme-noisy 1.0 has changed SIGINT and the working directory when it was "
        "imported; this was undone; do this"
    )


def test_what_an_import_changes_is_put_back_also_when_it_fails(tmp_path):
    def load():
        with undone(INFO, ""):
            os.chdir(tmp_path)
            raise SystemExit

    before = Path.cwd()
    with pytest.raises(SystemExit):
        load()
    assert Path.cwd() == before


def test_an_import_that_changes_nothing_is_not_mentioned_on_any_thread(caplog):
    def load():
        with undone(INFO, ""):
            pass

    load()
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert caplog.records == []


def test_a_directory_that_is_gone_keeps_no_plugin_from_being_imported(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with undone(INFO, ""):
        gone.rmdir()
