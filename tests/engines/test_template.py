"""Chat templates of strangers: what they render, and that they reach nothing and end."""

import resource
import time

import pytest

from webbot.engines.llama.template import Renderer, TemplateError

MESSAGES = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
VALUES = {"messages": MESSAGES, "tools": None, "bos_token": "<s>"}


@pytest.fixture(scope="module")
def renderer():
    made = Renderer(seconds=0.4)
    yield made
    made.close()


@pytest.mark.parametrize(("source", "text"), [
    ("{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m['content'] }}{% endfor %}", "<s>[user]x[assistant]y"),
    ("{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}{% break %}{% endfor %}", "y"),
    ("{% generation %}a{% endgeneration %}", "a"),
    ("{% set n = namespace(last='') %}{% for m in messages %}{% set n.last = m.role %}{% endfor %}{{ n.last }}", "assistant"),
    ("{{ {'a': '<ä>'} | tojson }}{{ [1] | tojson(indent=1) }}", '{"a": "<ä>"}[\n 1\n]'),
    ("  {% if tools %}a{% endif %}\n  b", "  b"),
    ("{{ strftime_now('%d') | length }}{{ nothing.at_all is defined }}", "2"),
    ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('ab') }}", "abab"),
])
def test_templates_render_as_those_of_transformers_do(renderer, source, text):
    if "nothing.at_all" in source:
        with pytest.raises(TemplateError, match="nothing"):
            renderer.render(source, VALUES)
    else:
        assert renderer.render(source, VALUES) == text


GLOBALS = "__init__.__globals__"
HARMLESS_OR_REFUSED = [
    f"{{{{ cycler.{GLOBALS}.os.popen('touch CANARY').read() }}}}", f"{{{{ self.{GLOBALS} }}}}",
    "{{ raise_exception.__globals__['os'].system('touch CANARY') }}", f"{{{{ strftime_now.{GLOBALS} }}}}",
    "{{ ''|attr('__class__')|attr('__mro__')|last|attr('__subclasses__')() }}", "{{ ''['__cla' + 'ss__'].__mro__ }}",
    "{{ [messages]|map(attribute='__class__')|list }}", "{{ '{0.__class__.__mro__}'.format(messages) }}",
    "{{ ('{0.__class__}'|attr('format'))(messages) }}", "{{ messages.append(1) }}", "{{ namespace.__init__.__globals__ }}",
    "{% set n = namespace() %}{% set n.__class__ = dict %}{{ n.__class__.__mro__ }}", "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os.system('touch CANARY') }}", "{% extends '/etc/passwd' %}", "{% from 'a' import b %}",
    "{{ lipsum(n=9) }}", "{{ joiner.__init__.__globals__ }}", "{{ tojson.__globals__ }}", "{{ caller }}", "{{ (1).__class__ }}",
]


@pytest.mark.parametrize("source", HARMLESS_OR_REFUSED)
def test_none_reaches_out(renderer, source, tmp_path):
    try:
        text = renderer.render(source.replace("CANARY", str(tmp_path / "canary")), VALUES)
    except TemplateError as error:
        text = str(error)
        assert "\n" not in text
    assert not list(tmp_path.iterdir())
    assert "root:" not in text
    assert "<module" not in text
    assert "subprocess" not in text


@pytest.mark.parametrize("source", [
    "{% for i in range(10**9) %}{% endfor %}", "{{ 'x' * 10**10 }}", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{{ '%1000000000d' % 1 }}", "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", "{{ (" + "(" * 9000,
    "{% if %}", "{{ 1 / 0 }}", "{{ raise_exception('no') }}", "{% if a %}" * 5000,
])
def test_what_fails_says_so_and_the_next_one_renders(renderer, source):
    with pytest.raises(TemplateError):
        renderer.render(source, VALUES)
    assert renderer.render("{{ bos_token }}", VALUES) == "<s>"


@pytest.mark.parametrize("source", [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x=7) %}{% for i in range(999) %}{% set n.x = n.x ** 7 %}{% endfor %}",  # one long step in C
])
def test_what_does_not_end_is_ended(renderer, source):
    began = time.monotonic()
    with pytest.raises(TemplateError):
        renderer.render(source, VALUES)
    assert time.monotonic() - began < 40
    assert renderer.render("{{ bos_token }}", VALUES) == "<s>"


def test_the_process_can_open_write_and_start_nothing(renderer):
    """If a template ever broke out of the sandbox, this is what it would find."""
    renderer.render("{{ bos_token }}", VALUES)
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE):
        assert resource.prlimit(renderer._process.pid, limit) == (0, 0)


def test_a_lost_process_is_not_noticed(renderer):
    renderer.render("{{ bos_token }}", VALUES)
    renderer._process.kill()
    renderer._process.wait()
    assert renderer.render("{{ bos_token }}", VALUES) == "<s>"
