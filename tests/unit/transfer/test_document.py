"""The page about the state machine says what the table says."""

from pathlib import Path

from ari_app.transfer.document import page
from ari_app.transfer.events import EVENTS
from ari_app.transfer.model import State


def test_the_reference_page_is_the_table():
    written = Path(__file__).parents[3] / "docs" / "reference" / "state-machine.md"
    assert written.read_text() == page(), "run scripts/state-machine"


def test_every_event_and_state_is_on_the_page():
    text = page()
    assert all(f"| {name} |" in text for name in EVENTS)
    assert all(f"`{state}`" in text for state in State)
