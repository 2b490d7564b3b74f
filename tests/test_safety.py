"""A start that would let strangers in is refused, and said in one line."""

import pytest

from webbot.errors import SettingsError
from webbot.safety import check_access
from webbot.settings import load


@pytest.mark.parametrize("reached", [{"lan": True}, {"hosts": ("chat.example",)}, {"host": "0.0.0.0"}, {"host": "192.168.1.5"}])
def test_a_server_that_others_reach_is_open_only_when_that_is_said(reached):
    with pytest.raises(SettingsError, match="--open-to-all") as refused:
        check_access(load({}, access="open", **reached))
    assert "\n" not in str(refused.value)
    check_access(load({}, access="open", open_to_all=True, **reached))
    check_access(load({}, access="code", **reached))
    check_access(load({}, **reached))


@pytest.mark.parametrize("settings", [{}, {"host": "localhost"}, {"host": "::1"}, {"access": "open"}, {"open_to_all": True}])
def test_for_this_machine_alone_everything_may_be_open(settings):
    check_access(load({}, **settings))
