"""A wrong site YAML: all faults at once, each with its place, its key and how to mend it."""

import random
import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config.document import MOST_BYTES, MOST_VALUES
from appliance.config.example import example_yaml
from appliance.config.faults import ConfigFaults, Fault
from appliance.config.load import parse_site

GOOD = """\
site: {name: Qinghe, language: zh, time_zone: Asia/Shanghai}
dicom:
  ae_title: "OSTEON"
  port: 11112
  modalities:
    - ae_title: "CT_1"
      address: 10.0.0.17
mail:
  host: mail.example
  port: 587
  security: starttls
  sender: box@site.example
printers:
  - name: desk
    uri: ipp://10.0.0.9/ipp/print
alerts:
  steps:
    - email: [night@site.example]
      printers: [desk]
  technician: {email: [it@site.example]}
"""


def _faults(text: str | bytes) -> tuple[Fault, ...]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigFaults) as caught:
        parse_site(raw, "site.yaml")
    assert caught.value.code == "config-invalid"
    for fault in caught.value.faults:
        assert fault.line >= 1
        assert fault.column >= 1
        assert fault.key
        assert fault.problem
        assert fault.fix
        assert str(fault).startswith(f"site.yaml:{fault.line}:{fault.column}: ")
        assert str(fault) in caught.value.detail
    return caught.value.faults


def _only(old: str, new: str) -> Fault:
    assert GOOD.count(old) == 1
    (fault,) = _faults(GOOD.replace(old, new))
    return fault


def test_the_text_that_these_tests_break_is_good() -> None:
    parse_site(GOOD.encode(), "site.yaml")


@pytest.mark.parametrize(
    ("old", "new", "key", "line", "problem", "fix"),
    [
        ('"CT_1"', "0104", "dicom.modalities[1].ae_title", 6, "the number 68", '"0104"'),
        ('"CT_1"', "104", "dicom.modalities[1].ae_title", 6, "a text is wanted", "in quotes"),
        ('"CT_1"', "2024-01-02", "dicom.modalities[1].ae_title", 6, "a date", '"2024-01-02"'),
        ('"CT_1"', '"SEVENTEEN_LETTERS"', "dicom.modalities[1].ae_title", 6, "not an AE", "16"),
        ('"CT_1"', '" CT_1"', "dicom.modalities[1].ae_title", 6, "spaces", '"CT_1"'),
        ("zh", "NO", "site.language", 1, "the YAML value false", '"NO"'),
        ("zh", "fr", "site.language", 1, "must be 'en' or 'zh'", "language: en"),
        ("Asia/Shanghai", "Asia/Shangai", "site.time_zone", 1, "time zone", "Asia/Shanghai"),
        ("Asia/Shanghai", "../etc/passwd", "site.time_zone", 1, "time zone", "IANA"),
        ("11112", "1:30", "dicom.port", 4, "the number 90", "plain digits"),
        ("11112", "0o17", "dicom.port", 4, "a whole number is wanted", "port: 11112"),
        ("11112", "1.0", "dicom.port", 4, "whole number", "port: 11112"),
        ("11112", "yes", "dicom.port", 4, "the YAML value true", "true or false"),
        ("11112", '"104"', "dicom.port", 4, "a text stands here", "without quotes"),
        ("11112", "70000", "dicom.port", 4, "65535", "1 to 65535"),
        ("11112", "9" * 50, "dicom.port", 4, "a number too long", "plain digits"),
        ("11112", "", "dicom.port", 4, "nothing stands here", "take the key out"),
        ("11112", "[104]", "dicom.port", 4, "a list stands here", "port: 11112"),
        ("  port: 11112", "  prot: 11112", "dicom.prot", 4, "unknown", "`port`"),
        ("10.0.0.17", "ct1.example", "dicom.modalities[1].address", 7, "address", "in digits"),
        ("10.0.0.17", "10.0.0.17/24", "dicom.modalities[1].address", 7, "length", "10.0.0.0/24"),
        ("mail.example", "https://m", "mail.host", 9, "not a host name", "without http"),
        ("mail.example", "10.0.0.300", "mail.host", 9, "not a host name", "10.0.0.5"),
        ("box@site.example", "box", "mail.sender", 12, "not an email", "night@"),
        ("box@site.example", '"a@b\\r\\nBcc: c@d"', "mail.sender", 12, "line breaks", "one line"),
        ("  host: mail.example\n", "", "mail.host", 8, "missing", "host: mail.qinghe.example"),
        ("ipp://10.0.0.9", "http://10.0.0.9", "printers[1].uri", 15, "printer", "ipp://"),
        ("printers: [desk]", "printers: [dusk]", "alerts.steps[1].printers[1]", 19, "no", "desk"),
        ("[desk]", "[desk]\n    - {}", "alerts.steps[2]", 20, "nobody", "`email`"),
        ("technician", "technican", "alerts.technican", 20, "unknown", "`technician`"),
        ("  technician: {email: [it@site.example]}", "", "alerts.technician", 16, "missing", "it@"),
        ("[it@site.example]", "it@site.example", "alerts.technician.email", 20, "a list", "list"),
        ("[it@site.example]", "[]", "alerts.technician.email", 20, "empty", "it@qinghe"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_mending(  # noqa: PLR0917 - one row, one case
    old: str, new: str, key: str, line: int, problem: str, fix: str
) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    found = {fault.key: fault for fault in _faults(text)}
    assert key in found
    assert found[key].line == line
    assert problem in found[key].problem
    assert fix in found[key].fix


def test_a_key_written_twice_is_told_with_both_lines() -> None:
    fault = _only("  port: 11112\n", "  port: 11112\n  port: 104\n")
    assert (fault.key, fault.line, fault.column) == ("dicom.port", 5, 3)
    assert "line 4" in fault.fix


def test_a_key_of_another_section_is_recognised() -> None:
    (fault,) = _faults(GOOD + "modalities: []\n")
    assert "dicom.modalities" in fault.fix
    assert "indentation" in fault.fix


def test_a_password_in_the_file_is_refused_and_never_quoted() -> None:
    for secret in ("hunter2", "0123456", '"12345"', "2024-01-01", "[hunter2]"):
        for key in ("password", "password_file", "login"):
            faults = _faults(GOOD.replace("  port: 587", f"  port: 587\n  {key}: {secret}\n  x: 1"))
            told = "\n".join(map(str, faults))
            assert secret.strip('"[]') not in told
    (fault,) = _faults(GOOD.replace("  port: 587", "  port: 587\n  password: hunter2"))
    assert "mode 600" in fault.fix
    assert "password_file" in fault.fix


@pytest.mark.parametrize(
    ("addition", "key", "problem"),
    [
        (
            "dicom:\n  tls: {port: 11112, certificate_file: /c, key_file: /k}",
            "dicom.tls.port",
            "same",
        ),
        (
            """{dicom: {tls: {port: 1, certificate_file: /c, key_file: /k,
                require_client_certificate: true}}}""",
            "dicom.tls.require_client_certificate",
            "cannot be verified",
        ),
        ("dicom:\n  limits: {associations: 1}", "dicom.limits.associations", "fewer"),
        ("mail:\n  password_file: /p", "mail.password_file", "without a login"),
        ("completeness: {quiet_seconds: 400}", "completeness.quiet_seconds", "longest wait"),
        (
            "packs: {use: [{name: a, runtime: openvino, device: cuda}]}",
            "packs.use[1].device",
            "does not compute",
        ),
        (
            "urgency: [{name: a, urgent: true}, {name: b, urgent: false}]",
            "urgency[1]",
            "ever reached",
        ),
        (
            "urgency: [{name: otherwise, urgent: true, minimum_count: 2}]",
            "urgency[1]",
            "must fit every finding",
        ),
        ("packs: {use: [{name: a}, {name: a}]}", "packs.use[2].name", "same name"),
    ],
)
def test_keys_that_contradict_each_other_are_told(addition: str, key: str, problem: str) -> None:
    content = yaml.safe_load(GOOD)
    content["dicom"]["modalities"].append({"ae_title": "CT_2", "address": "10.0.0.18"})
    for section, added in yaml.safe_load(addition).items():
        merged = {**content.get(section, {}), **added} if isinstance(added, dict) else added
        content[section] = merged
    (fault,) = _faults(yaml.safe_dump(content, sort_keys=False))
    assert fault.key == key
    assert problem in fault.problem


def test_all_faults_come_at_once_and_in_order() -> None:
    text = (
        GOOD.replace("zh", "NO")
        .replace("11112", "70000")
        .replace("mail.example", "http://m")
        .replace("[desk]", "[dusk]")
        + "color: red\n"
    )
    faults = _faults(text)
    assert [fault.line for fault in faults] == [1, 4, 9, 19, 21]


@pytest.mark.parametrize(
    ("raw", "problem", "line"),
    [
        (b"", "empty", 1),
        (b"# only a comment\n", "empty", 1),
        (b"- a\n- b\n", "not a mapping", 1),
        (b"just words", "not a mapping", 1),
        (b"~", "no value", 1),
        ("site:\n  name: 清河".encode("gb18030"), "perhaps GB18030", 2),
        ("site: x".encode("utf-16"), "UTF-16", 1),
        (b"site: \xff\xff\xff", "not UTF-8", 1),
        (b"site: a\x00b", "character", 1),
        (b"a: 1\n\tb: 2", "a tab", 2),
        (b"a: b: c", "second `:`", 1),
        (b"a: 1\nb\nc: 2", "without `:`", 3),
        (b'a: "b', "inside quotes", 1),
        (b"a: [1, 2", "not YAML", 1),
        (b"a: *b", "aliases", 1),
        (b"a: &b 1", "aliases", 1),
        (b"a: !!python/object/apply:os.system [id]", "tags", 1),
        (b"a: !!str 1", "tags", 1),
        (b"a: 1\n---\nb: 2", "second YAML document", 2),
        (b"? [a, b]\n: 1", "stands as a key", 1),
        (b'? "a\\nb"\n: 1', "no key", 1),
        (b"a: " + b"[" * 5000, "nested deeper", 1),
        (b"{a: " * 5000, "nested deeper", 1),
        (b"# " + b"x" * MOST_BYTES, "too long", 1),
        (b"{" + b"a," * MOST_VALUES + b"}", "more than", 1),
        (b"- " * 100_000, "nested deeper", 1),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "aliases", 1),
        (b"<<: {site: 1}", "unknown", 1),
    ],
)
def test_a_file_that_is_no_site_file_is_told(raw: bytes, problem: str, line: int) -> None:
    (fault, *_) = [fault for fault in _faults(raw) if problem in fault.problem]
    assert fault.line in {line, line + 1}


def test_nothing_that_is_printed_can_break_a_line() -> None:
    raw = b'"a\\u2028b": 1\n"c\\rd": "\\ud800"\nsite: "\\ud800"\n'
    for fault in _faults(raw):
        assert str(fault).isprintable()


LINES = example_yaml().splitlines()
PIECES = ["NO", "0104", "1:30", "- ", ": ", "\t", "{", "}", "[", "]", '"', "'", "#", "~", "é", "&a"]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "twice", "indent", "piece", "value", "swap"])):
            case "drop":
                lines[at] = ""
            case "twice":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = draw(st.sampled_from(["  ", " ", "    "])) + lines[at]
            case "piece":
                cut = draw(st.integers(0, len(lines[at])))
                piece = draw(st.sampled_from(PIECES))
                lines[at] = lines[at][:cut] + piece + lines[at][cut:]
            case "value":
                head, colon, _ = lines[at].partition(": ")
                lines[at] = head + colon + draw(st.text(string.printable, max_size=12))
            case _:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mangled_file_loads_or_tells_its_faults(text: str) -> None:
    try:
        parse_site(text.encode(), "site.yaml")
    except ConfigFaults:
        _faults(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_told_as_faults(raw: bytes) -> None:
    _faults(raw)


def test_long_random_text_is_told_as_faults() -> None:
    dice = random.Random(1)
    for _ in range(20):
        _faults("".join(dice.choices(string.printable, k=2000)))
