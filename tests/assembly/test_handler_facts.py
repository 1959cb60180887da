from dataclasses import dataclass
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from smoothop import Seconds
from smoothop.assembly.handler_facts import describe_fields


@dataclass
class AsDataclass:
    plain: Seconds
    written: "Seconds"
    described: Annotated[Seconds, Field(description="between two looks")]
    number: float


class AsModel(BaseModel):
    plain: Seconds
    written: "Seconds"
    described: Seconds = Field(description="between two looks")
    number: float


@pytest.mark.parametrize("settings_type", [AsDataclass, AsModel])
def test_a_duration_is_shown_as_what_it_is_to_the_user(settings_type):
    types = {field["name"]: field["type"] for field in describe_fields(settings_type)}

    assert types == {
        "plain": "duration",
        "written": "duration",
        "described": "duration",
        "number": "float",
    }
