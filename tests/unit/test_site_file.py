"""The site YAML of one role: what is kept, what is refused, what a broken file falls back to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from appliance.clock import set_local_zone
from appliance.config.example import example_yaml
from appliance.config.schema import Site
from appliance.daemon.site_file import SiteFile, in_use, read_or_fall_back, refusals
from appliance.errors import ConfigError

ROLE = "deliver"


class Disk:
    """A site YAML and its state folder."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.yaml = folder / "site.yaml"
        self.good = example_yaml().replace("/var/lib/osteon", str(self.state))
        self.write()

    def write(self, change: Callable[[str], str] = str) -> None:
        self.yaml.write_text(change(self.good), encoding="utf-8")

    def break_it(self) -> None:
        self.write(lambda text: text.replace("  port: 11112", "  port: secret-words"))

    def role(self) -> SiteFile:
        return SiteFile(self.yaml, ROLE)

    def worked_before(self) -> None:
        self.role().is_up()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setenv("TZ", "Etc/UTC")
    yield Disk(tmp_path)
    set_local_zone("Etc/UTC")


def test_times_are_those_of_the_site(disk: Disk) -> None:
    disk.role()
    assert time.localtime(0).tm_hour == 8  # Asia/Shanghai


def _named(name: str) -> Callable[[str], str]:
    return lambda text: text.replace("Qinghe County Hospital", name)


def _refuse(_: Site) -> NoReturn:
    raise ConfigError("certificate-unusable", "FileNotFoundError")


def _reload(role: SiteFile, apply: Callable[[Site], None] = lambda _: None) -> None:
    role.ask_to_reload()
    role.reload_if_asked(apply)


def test_nothing_is_kept_before_the_role_works(disk: Disk) -> None:
    disk.role()
    assert in_use(disk.state, ROLE) is None


def test_a_reload_that_nobody_asked_for_reads_nothing(disk: Disk) -> None:
    role = disk.role()
    disk.break_it()
    role.reload_if_asked(_refuse)
    assert refusals(disk.state) == frozenset()


def test_a_good_change_is_applied_and_kept(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    disk.write(_named("Renamed"))
    applied: list[Site] = []
    _reload(role, applied.append)
    assert [site.site.name for site in applied] == ["Renamed"]
    assert role.site.site.name == "Renamed"
    kept = in_use(disk.state, ROLE)
    assert kept is not None
    assert (kept.started.site.name, kept.applied.site.name) == (
        "Qinghe County Hospital",
        "Renamed",
    )


def test_a_broken_change_is_refused_with_line_and_key_and_without_the_value(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    disk.break_it()
    _reload(role)
    line = disk.yaml.read_text().splitlines().index("  port: secret-words") + 1
    assert refusals(disk.state) == {f"line {line}, dicom.port"}
    assert role.site.dicom.port == 11112
    disk.write()
    _reload(role)
    assert refusals(disk.state) == frozenset()


def test_a_change_that_the_role_cannot_carry_out_is_refused(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    disk.write(_named("Renamed"))
    _reload(role, _refuse)
    assert role.site.site.name == "Qinghe County Hospital"
    assert refusals(disk.state) == {"certificate-unusable FileNotFoundError"}


def test_a_file_that_is_gone_is_refused(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    disk.yaml.unlink()
    _reload(role)
    (told,) = refusals(disk.state)
    assert "config-unreadable" in told


def test_a_broken_file_starts_the_last_good_one(disk: Disk) -> None:
    disk.worked_before()
    disk.break_it()
    role = disk.role()
    assert role.site.dicom.port == 11112
    assert len(refusals(disk.state)) == 1
    role.is_up()
    assert len(refusals(disk.state)) == 1
    assert disk.role().site.dicom.port == 11112


def test_many_faults_are_told_in_few_words(disk: Disk) -> None:
    disk.worked_before()
    disk.write(lambda text: text + "".join(f"key_{number}: 1\n" for number in range(9)))
    disk.role()
    (told,) = refusals(disk.state)
    assert told.count("line ") == 5
    assert told.endswith("and 4 more")


def test_a_broken_file_and_no_copy_is_an_error(disk: Disk) -> None:
    disk.break_it()
    with pytest.raises(ConfigError, match=r"dicom\.port"):
        disk.role()


def test_a_copy_that_this_release_does_not_understand_is_no_copy(disk: Disk) -> None:
    disk.worked_before()
    (disk.state / ROLE / "site.applied.yaml").write_text("of: another release\n")
    disk.break_it()
    with pytest.raises(ConfigError, match=r"dicom\.port"):
        read_or_fall_back(disk.yaml, ROLE)


def test_a_file_with_which_the_role_cannot_start_falls_back_once(disk: Disk) -> None:
    disk.worked_before()
    disk.write(lambda text: text.replace("  port: 11112", "  port: 104"))
    role = disk.role()
    assert role.site.dicom.port == 104
    role.could_not_start(ConfigError("port-unusable", "104"))
    again = disk.role()
    assert again.site.dicom.port == 11112
    assert refusals(disk.state) == {"config-unfit port-unusable 104"}
    again.is_up()
    assert disk.role().site.dicom.port == 11112
    _reload(again)
    assert again.site.dicom.port == 104
    assert refusals(disk.state) == frozenset()
    assert disk.role().site.dicom.port == 104


def test_a_file_that_changed_since_it_was_unfit_is_tried_again(disk: Disk) -> None:
    disk.worked_before()
    disk.write(lambda text: text.replace("  port: 11112", "  port: 104"))
    disk.role().could_not_start(ConfigError("port-unusable", "104"))
    disk.write(lambda text: text.replace("  port: 11112", "  port: 105"))
    assert disk.role().site.dicom.port == 105


def test_without_a_copy_the_file_is_tried_again_each_time(disk: Disk) -> None:
    disk.role().could_not_start(ConfigError("port-unusable", "11112"))
    disk.role().is_up()
    assert refusals(disk.state) == frozenset()


def test_a_file_that_worked_before_is_tried_again_each_time(disk: Disk) -> None:
    disk.worked_before()
    disk.role().could_not_start(ConfigError("certificate-unusable", "FileNotFoundError"))
    disk.role()
    assert refusals(disk.state) == frozenset()


def test_a_role_that_works_finds_no_file_unfit(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    role.could_not_start(ConfigError("port-unusable", "104"))
    assert disk.role().site.dicom.port == 11112
    assert refusals(disk.state) == frozenset()


def test_what_waits_for_a_restart_is_named(disk: Disk) -> None:
    role = disk.role()
    role.is_up()
    disk.write(lambda text: text.replace("  port: 11112", "  port: 104"))
    _reload(role)
    assert role.awaiting_restart() == ("dicom.port",)
    disk.write()
    _reload(role)
    assert role.awaiting_restart() == ()


def test_a_folder_that_cannot_be_written_stops_nothing(disk: Disk) -> None:
    disk.state.parent.mkdir(exist_ok=True)
    disk.state.write_text("a file stands where the folder should be")
    role = disk.role()
    role.is_up()
    _reload(role)
    assert role.site.dicom.port == 11112
