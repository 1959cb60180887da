"""What tests share. ``tests`` is on the path of pytest, so: ``from support.wheels import ...``.

`support.wheels` writes real wheels, `support.environments` installs them into real virtual
environments and runs code there::

    wheel = build_wheel(
        tmp_path,
        "acme-inbox",
        "1.0",
        files={"acme_inbox.py": "class Inbox: ..."},
        entry_points={"smoothoperator.handlers": {"inbox": "acme_inbox:Inbox"}},
    )
    environment = Environment.create(tmp_path / "env")
    environment.install(wheel)
    environment.run_json("import json, acme_inbox; print(json.dumps(acme_inbox.__file__))")

An environment takes 0.1 s to make and a call of pip about a second: make one per module
(a fixture with ``scope="module"``), and install several wheels in one call.
"""
