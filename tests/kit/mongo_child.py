"""The MongoDB of the tests: nx-27017, which speaks MongoDB's wire protocol over SQLite, extended for the tests.

Run as `python -m tests.kit.mongo_child PORT FOLDER`. It is taught:

- `renameCollection` with `dropTarget`, in one step for every client (nx-27017 serves a database one command at a time);
- to refuse as FOLDER/faults.json says: `{"refuse": {"text": "X", "code": 121, "whole": false}}` refuses each
  document whose `_id` holds the text, as a single write error or (`whole`) with the whole command that it came in;
  `{"fail": {"code": 10107, "message": "not primary"}}` refuses every write.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from nx_27017.handler import NeoSQLiteHandler
from nx_27017.server import run_server_threaded

_WRITES = {"insert": "documents", "update": "updates"}
_NAMESPACE_NOT_FOUND = 26

Message = dict[str, Any]
Answer = tuple[int, dict[str, Any]]


class Handler(NeoSQLiteHandler):  # type: ignore[misc]
    """nx-27017's handler with the above."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), data_dir=str(folder / "data"), journal_mode="WAL")
        self._faults = folder / "faults.json"

    def handle_command(self, msg: Message) -> Answer:
        """Answer one command."""
        body = next((doc for kind, doc in msg["sections"] if kind == "body"), None) or {}
        verb = next(iter(body), "")
        if verb == "renameCollection" and body.get("dropTarget"):
            with self._lock_for(body["$db"]), self._lock_for(body[verb].split(".")[0]):
                return msg["request_id"], self._rename(body)
        if verb in _WRITES and self._faults.exists():
            return self._faulty_write(msg, body, verb, json.loads(self._faults.read_text()))
        answer: Answer = super().handle_command(msg)
        return answer

    def _rename(self, body: dict[str, Any]) -> dict[str, Any]:
        database, _, fresh = body["renameCollection"].partition(".")
        live = body["to"].partition(".")[2]
        db = self.get_database(database)
        if fresh not in db.list_collection_names():
            return {"ok": 0, "code": _NAMESPACE_NOT_FOUND, "errmsg": f"source namespace {fresh} does not exist"}
        indexes = self._told({"listIndexes": fresh, "$db": database})["cursor"]["firstBatch"]
        mine = [index for index in indexes if index["name"] != "_id_"]
        db[fresh].drop_indexes()  # their names in SQLite hold that of the collection
        db[live].drop()
        db[fresh].rename(live)
        db._collections.pop(fresh, None)
        self._told({"createIndexes": live, "$db": database, "indexes": [{"key": index["key"]} for index in mine]})
        return {"ok": 1}

    def _told(self, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = super().handle_command({"request_id": 0, "sections": [("body", body)]})[1]
        return answer

    def _faulty_write(self, msg: Message, body: dict[str, Any], verb: str, faults: dict[str, Any]) -> Answer:
        if fail := faults.get("fail"):
            return msg["request_id"], {"ok": 0, "code": fail["code"], "errmsg": fail["message"]}
        refuse, field = faults["refuse"], _WRITES[verb]
        given: list[Any] = list(body.get(field, ()))
        for kind, part in msg["sections"]:
            if kind == "payload":
                given += part.get(field, ())
        bad = [at for at, one in enumerate(given) if refuse["text"] in str(one.get("_id", one.get("q", {}).get("_id")))]
        if bad and refuse["whole"]:
            return msg["request_id"], {"ok": 0, "code": refuse["code"], "errmsg": "one of these cannot be written"}
        good = [at for at in range(len(given)) if at not in bad]
        answer: dict[str, Any] = {"ok": 1, "n": 0, "nModified": 0}
        if good:
            passed = {**body, field: [given[at] for at in good]}
            answer = self._told(passed)
        errors = [{**error, "index": good[error["index"]]} for error in answer.get("writeErrors", ())]
        errors += [{"index": at, "code": refuse["code"], "errmsg": "this cannot be written"} for at in bad]
        if errors:
            answer["writeErrors"] = errors
        for upserted in answer.get("upserted", ()):
            upserted["index"] = good[upserted["index"]]
        return msg["request_id"], answer


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    run_server_threaded("127.0.0.1", int(sys.argv[1]), Handler(Path(sys.argv[2])))
