"""Workers that share a state directory keep out of each other's way."""

import pytest

from tables import slots


def test_each_worker_takes_the_first_free_slot_and_keeps_it(tmp_path):
    first = slots.take(tmp_path, "app", None)
    second = slots.take(tmp_path, "app", None)
    assert first.folder != second.folder
    assert first.name != second.name
    first.lock.close()
    assert slots.take(tmp_path, "app", None).folder == first.folder


def test_a_worker_id_in_use_is_refused(tmp_path):
    held = slots.take(tmp_path, "app", "blue")
    assert held.name == "app-blue"
    with pytest.raises(slots.NoSlot, match="'blue' is in use"):
        slots.take(tmp_path, "app", "blue")
    assert slots.take(tmp_path, "other", "blue").folder != held.folder


def test_a_state_directory_that_cannot_be_made_says_what_to_set(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(slots.NoSlot, match="RENTMATCH_STATE_DIR"):
        slots.take(tmp_path / "file", "app", None)


def test_workers_with_state_directories_of_their_own_have_names_of_their_own(tmp_path):
    assert slots.take(tmp_path / "a", "app", None).name != slots.take(tmp_path / "b", "app", None).name
