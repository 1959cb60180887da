"""Requests drawn from the OpenAPI document, right and wrong ones, are answered as it says."""

from __future__ import annotations

from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from smoothop import Config, done

WORKER = "served"
EXAMPLES = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(GenerationMode.POSITIVE, {200, 202}), (GenerationMode.NEGATIVE, {400})],
)
def test_requests_drawn_from_the_document_are_answered_as_it_says(
    running, tmp_path, mode, expected
):
    one = running(http="127.0.0.1:0", token_file=tmp_path / "token")
    one.operator.add_handler(WORKER, answer, Config(message_only=True))
    headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
    document = schemathesis.openapi.from_url(f"{one.server.url}/openapi.json", headers=headers)
    statuses = Counter()

    def ask(case):
        if isinstance(case.body, dict):
            case.body.pop("wait", None)  # a paused worker would be waited for, for ever
        answered = case.call(headers=headers, timeout=10)
        statuses[answered.status_code] += 1
        assert answered.status_code != 500
        # 504 is the right answer to whoever wants something done in no time.
        case.validate_response(answered, headers=headers, excluded_checks=[not_a_server_error])

    for found in document.exclude(path="/events").get_all_operations():  # that has no end
        operation = found.ok()
        named = {"path_parameters": {"name": WORKER}} if list(operation.path_parameters) else {}
        if mode is GenerationMode.POSITIVE or operation.body or list(operation.query):
            EXAMPLES(given(case=operation.as_strategy(generation_mode=mode, **named))(ask))()
    assert set(statuses) >= expected, statuses
    assert one.client.health().ok


async def answer(ctx):
    return done(ctx.message)
