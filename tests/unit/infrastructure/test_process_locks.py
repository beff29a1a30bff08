"""What one server process at a time may have."""

from pathlib import Path

from src.infrastructure.process_locks import OwnFolder


def test_processes_that_share_a_place_have_a_folder_each_and_find_it_again(tmp_path: Path) -> None:
    first, second = OwnFolder(tmp_path / "index"), OwnFolder(tmp_path / "index")
    assert [first.path.name, second.path.name] == ["index", "index-2"]
    assert [first.number, second.number] == [1, 2]
    first.release()
    third = OwnFolder(tmp_path / "index")
    assert third.path == first.path
    third.release()
    second.release()
