"""The event-sourcing library's own conformance tests, run against the recorders on our append."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from uuid import uuid4

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking

if find_spec("Crypto") is None:
    # The library's test module imports its cipher for tests that are not run here.
    no_cipher = ModuleType("eventsourcing.cipher")
    no_cipher.__dict__["AESCipher"] = None
    sys.modules.setdefault("eventsourcing.cipher", no_cipher)

from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)

from adapters.postgres.log.recorder import (
    BackstoryAggregateRecorder,
    BackstoryApplicationRecorder,
    BackstoryProcessRecorder,
)
from adapters.postgres.log.store import PostgresLog


class OnOurLog:
    """Gives each conformance test a log of its own."""

    log: PostgresLog
    url: str

    @pytest.fixture(autouse=True)
    def _own_log(self, database_url: str) -> Iterator[None]:
        self.url = database_url
        self._recorders: list[BackstoryApplicationRecorder] = []
        with PostgresLog(database_url) as self.log:
            yield
            for recorder in self._recorders:
                recorder.close()

    def application_recorder(self) -> BackstoryApplicationRecorder:
        self._recorders.append(recorder := BackstoryApplicationRecorder(self.log, self.url))
        return recorder

    def process_recorder(self) -> BackstoryProcessRecorder:
        self._recorders.append(recorder := BackstoryProcessRecorder(self.log, self.url))
        return recorder


class TestAggregateRecorder(OnOurLog, AggregateRecorderTestCase):
    def create_recorder(self) -> BackstoryAggregateRecorder:
        return BackstoryAggregateRecorder(self.log)


class TestApplicationRecorder(OnOurLog, ApplicationRecorderTestCase[BackstoryApplicationRecorder]):
    def create_recorder(self) -> BackstoryApplicationRecorder:
        return self.application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(OnOurLog, TrackingRecorderTestCase):
    def create_recorder(self) -> BackstoryProcessRecorder:
        return self.process_recorder()


class TestProcessRecorder(OnOurLog, ProcessRecorderTestCase):
    def create_recorder(self) -> BackstoryProcessRecorder:
        return self.process_recorder()


class TestNonInterleavingNotificationIDs(OnOurLog, NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> BackstoryApplicationRecorder:
        return self.application_recorder()


class TestNonInterleavingAcrossLogs(OnOurLog, NonInterleavingNotificationIDsBaseCase):
    """The same with tracked inserts: two transactions that no writer has put in a row."""

    def create_recorder(self) -> BackstoryProcessRecorder:
        recorder = self.process_recorder()
        insert = recorder.insert_events

        def tracked(events: list[StoredEvent], **kwargs: object) -> object:
            return insert(events, tracking=Tracking(str(uuid4()), 1))

        recorder.insert_events = tracked  # type: ignore[assignment, method-assign]
        return recorder


def test_tracking_and_events_are_stored_together_or_not_at_all(database_url: str) -> None:
    event = StoredEvent(originator_id=uuid4(), originator_version=1, topic="t", state=b"{}")
    with PostgresLog(database_url) as log:
        recorder = BackstoryProcessRecorder(log, database_url)
        recorder.insert_events([event])
        with pytest.raises(IntegrityError):
            recorder.insert_events([event], tracking=Tracking("upstream", 5))
        assert recorder.max_tracking_id("upstream") is None
        recorder.insert_tracking(Tracking("upstream", 5))
        other = StoredEvent(originator_id=uuid4(), originator_version=1, topic="t", state=b"{}")
        with pytest.raises(IntegrityError):
            recorder.insert_events([other], tracking=Tracking("upstream", 5))
        assert recorder.select_events(other.originator_id) == []
        recorder.close()
