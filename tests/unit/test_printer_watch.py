"""A printer is asked seldom, and only what it says twice is a trouble."""

from __future__ import annotations

from appliance.config.schema import Printer
from appliance.daemon.printer_watch import PrinterWatch
from appliance.errors import DeliveryError

DESK = Printer(name="desk", uri="ipp://10.0.0.9/ipp/print")


class SetClock:
    """A clock that the test moves."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, *_: object) -> bool:
        return False


def test_a_ready_printer_is_asked_once_an_hour() -> None:
    clock, asked = SetClock(), []
    watch = PrinterWatch(lambda printer: asked.append(printer) or (), clock)  # type: ignore[func-returns-value]
    for minute in range(181):
        clock.seconds = 60.0 * minute
        assert watch.look((DESK,)) == ()
    assert len(asked) == 4


def test_a_printer_that_complains_twice_is_a_trouble_until_it_is_ready() -> None:
    clock, wants = SetClock(), ["media-empty"]
    watch = PrinterWatch(lambda _: tuple(wants), clock)
    assert watch.look((DESK,)) == ()
    clock.seconds = 301.0
    (down,) = watch.look((DESK,))
    assert (down.name, down.code, down.detail) == ("desk", "printer-complains", "media-empty")
    assert watch.look((DESK,)) == (down,)
    wants.clear()
    clock.seconds = 602.0
    assert watch.look((DESK,)) == ()


def test_a_printer_that_does_not_answer_is_told_by_its_code_and_forgotten_with_the_site() -> None:
    def ask(_: Printer) -> tuple[str, ...]:
        raise DeliveryError("printer-unreachable")

    clock = SetClock()
    watch = PrinterWatch(ask, clock)
    watch.look((DESK,))
    clock.seconds = 301.0
    assert [each.code for each in watch.look((DESK,))] == ["printer-unreachable"]
    assert watch.look(()) == ()
    assert watch.look((DESK,)) == ()
