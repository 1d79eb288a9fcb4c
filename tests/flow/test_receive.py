"""Objects through real associations: what was acknowledged lies sealed, whole and indexed."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import trustme
from pydicom import dcmread, uid
from pydicom.dataset import Dataset

from appliance.domain import SpooledInstance
from appliance.pipeline.receive.sop_classes import STORAGE, TRANSFER_SYNTAXES, VERIFICATION
from tests.simulators.hostile import CT, Wire, context, data_set, store_command, wire
from tests.simulators.modality import associate, dcmtk, save, send
from tests.simulators.objects import PATIENT_NAME, ct_series, encoded_as, film
from tests.simulators.receiving import MODALITY, RunningReceiver, running_receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[RunningReceiver]:
    with running_receiver(tmp_path) as running:
        yield running


def _store_raw(peer: Wire, one: Dataset, payload: bytes) -> int:
    return peer.store(payload, store_command(one.SOPClassUID, one.SOPInstanceUID))


def _payload(one: Dataset) -> bytes:
    """The data set's bytes as the transfer syntax has them."""
    with BytesIO() as buffer:
        one.save_as(buffer, enforce_file_format=True)
        whole = buffer.getvalue()
    length = int.from_bytes(whole[140:144], "little")
    return whole[144 + length :]


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES, ids=lambda each: uid.UID(each).keyword)
def test_every_transfer_syntax_is_kept_byte_for_byte(
    receiver: RunningReceiver, syntax: str
) -> None:
    one = encoded_as(ct_series(1)[0], syntax)
    payload = _payload(one)

    with wire(receiver.port) as peer:
        peer.associate(context(1, CT, syntax))
        assert _store_raw(peer, one, payload) == 0x0000

    [instance] = receiver.instances()
    file = receiver.file_of(instance)
    assert file.endswith(payload)
    assert instance.size == len(payload)
    assert instance.transfer_syntax_uid == syntax
    kept = dcmread(BytesIO(file))
    assert kept.file_meta.TransferSyntaxUID == syntax
    assert kept.SOPInstanceUID == kept.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert kept.PatientName == PATIENT_NAME


def test_every_sop_class_is_accepted_and_verification_answers(receiver: RunningReceiver) -> None:
    association = associate(
        receiver.port, [(name, [uid.ExplicitVRLittleEndian]) for name in (VERIFICATION, *STORAGE)]
    )
    assert len(association.accepted_contexts) == 1 + len(STORAGE)
    assert association.send_c_echo().Status == 0x0000
    association.release()


def test_lossless_is_chosen_where_a_context_offers_several(receiver: RunningReceiver) -> None:
    offered = [uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.ExplicitVRLittleEndian]
    association = associate(receiver.port, [(CT, offered), (CT, offered[:2])])
    chosen = [each.transfer_syntax[0] for each in association.accepted_contexts]
    association.release()
    assert chosen == [uid.ExplicitVRLittleEndian, uid.JPEG2000Lossless]


def test_private_syntaxes_and_unknown_classes_are_refused_one_by_one(
    receiver: RunningReceiver,
) -> None:
    association = associate(
        receiver.port,
        [
            (CT, ["1.3.46.670589.33.1.4.1"]),
            (CT, [uid.ExplicitVRLittleEndian]),
            ("1.2.840.10008.5.1.4.1.1.481.2", [uid.ExplicitVRLittleEndian]),
        ],
    )
    accepted = [each.context_id for each in association.accepted_contexts]
    refused = {each.context_id: each.result for each in association.rejected_contexts}
    association.release()
    assert accepted == [3]
    assert refused == {1: 4, 5: 3}  # transfer syntaxes, abstract syntax not supported


@pytest.mark.parametrize("program", ["storescu", "dcmsend"])
def test_dcmtk_sends_a_series_and_films(
    receiver: RunningReceiver, tmp_path: Path, program: str
) -> None:
    objects = [*ct_series(5), film(), film(modality="CR")]
    sent = dcmtk(program, receiver.port, *save(objects, tmp_path / "out"))
    assert sent.returncode == 0, sent.stderr
    classes = [each.sop_class_uid for each in receiver.instances()]
    assert sorted(classes) == sorted(one.SOPClassUID for one in objects)


def test_echoscu(receiver: RunningReceiver) -> None:
    assert dcmtk("echoscu", receiver.port).returncode == 0


def test_a_released_association_is_evidence_for_its_study(receiver: RunningReceiver) -> None:
    association = associate(receiver.port, [(CT, [uid.ExplicitVRLittleEndian])])
    [one] = ct_series(1)
    association.send_c_store(one)
    study = receiver.master.study_key(one.StudyInstanceUID)
    with receiver.ledger() as ledger:
        [still_open] = [each for each in ledger.associations(study) if each.ending is None]
        assert (still_open.calling_ae, still_open.address) == (MODALITY, "127.0.0.1")
        association.release()
        [closed] = ledger.associations(study)
    assert closed.ending == "released"
    assert closed.closed_at is not None


def test_a_resend_is_a_success_without_a_second_row_and_counts_as_a_visit(
    receiver: RunningReceiver,
) -> None:
    [one] = ct_series(1)
    assert send(receiver.port, [one]) == [0x0000]
    assert send(receiver.port, [one]) == [0x0000]
    assert len(receiver.instances()) == 1
    assert len(receiver.blobs()) == 1
    with receiver.ledger() as ledger:
        study = receiver.master.study_key(one.StudyInstanceUID)
        assert [each.ending for each in ledger.associations(study)] == ["released", "released"]


def test_other_bytes_under_the_same_uid_are_kept_and_flagged(receiver: RunningReceiver) -> None:
    [one] = ct_series(1)
    send(receiver.port, [one])
    one.PatientID = "P0002"
    assert send(receiver.port, [one]) == [0x0000]
    first, second = receiver.instances()
    assert first.instance == second.instance
    assert first.digest != second.digest
    with receiver.ledger() as ledger:
        assert ledger.conflicting_ids(first.study) == {second.id}


def test_associations_at_once_share_one_new_study(receiver: RunningReceiver) -> None:
    series = ct_series(24)
    peers = [
        threading.Thread(target=send, args=(receiver.port, series[part::6])) for part in range(6)
    ]
    for peer in peers:
        peer.start()
    for peer in peers:
        peer.join()
    instances = receiver.instances()
    assert len(instances) == 24
    assert len({each.study for each in instances}) == 1
    assert all(b"DICM" in receiver.file_of(each)[:132] for each in instances)


def test_nothing_of_the_patient_lies_in_clear(receiver: RunningReceiver) -> None:
    [one] = ct_series(1)
    send(receiver.port, [one])
    secrets = [PATIENT_NAME.encode(), b"P0001", one.StudyInstanceUID.encode()]
    secrets += [one.SOPInstanceUID.encode(), one.SeriesInstanceUID.encode()]
    files = [file for file in receiver.folder.rglob("*") if file.is_file()]
    assert any(file.name == "intake.db-wal" for file in files)
    for file in files:
        content = file.read_bytes()
        assert not any(secret in content or secret in file.name.encode() for secret in secrets)


def test_a_second_start_takes_up_the_spool_and_closes_what_was_lost(tmp_path: Path) -> None:
    [one, other] = ct_series(2)
    with running_receiver(tmp_path) as running:
        send(running.port, [one])
        study = running.master.study_key(one.StudyInstanceUID)
        # What a killed receiver leaves: an association without an end, half a blob.
        with running.writer.transaction():
            left = running.writer.open_association(MODALITY, "127.0.0.1", 0.0)
        running.store.create().file.close()
    with running_receiver(tmp_path) as running:
        assert send(running.port, [other]) == [0x0000]
        assert {each.study for each in running.instances()} == {study}
        assert len(running.blobs()) == 2
        row = running.writer._execute("SELECT ending FROM associations WHERE id = ?", left)
        assert row.fetchone()["ending"] == "lost"


def test_stopping_ends_open_associations(tmp_path: Path) -> None:
    [one] = ct_series(1)
    with running_receiver(tmp_path) as running:
        peer = Wire(running.port)
        peer.associate()
        assert _store_raw(peer, one, data_set(one)) == 0x0000
        running.receiver.stop()
        assert peer.receive() is None
        peer.socket.close()
        study = running.master.study_key(one.StudyInstanceUID)
        with running.ledger() as ledger:
            assert [each.ending for each in ledger.associations(study)] == ["lost"]


def _certificates(folder: Path) -> tuple[trustme.CA, ssl.SSLContext, list[str | Path]]:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(tls)
    authority.configure_trust(tls)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return authority, tls, ["--add-cert-file", folder / "ca.pem"]


def test_dcmtk_sends_over_tls(tmp_path: Path) -> None:
    _, tls, trust = _certificates(tmp_path)
    files = save(ct_series(3), tmp_path / "out")
    with running_receiver(tmp_path, tls=tls) as running:
        sent = dcmtk("storescu", running.tls_port, *files, options=["--anonymous-tls", *trust])
        assert sent.returncode == 0, sent.stderr
        assert len(running.instances()) == 3


def test_a_client_certificate_may_be_required(tmp_path: Path) -> None:
    authority, tls, trust = _certificates(tmp_path)
    tls.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("ct1.example.org")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    own = ["--enable-tls", tmp_path / "key.pem", tmp_path / "cert.pem"]
    with running_receiver(tmp_path, tls=tls) as running:
        with_one = dcmtk("echoscu", running.tls_port, options=[*own, *trust])
        without = dcmtk("echoscu", running.tls_port, options=["--anonymous-tls", *trust])
    assert with_one.returncode == 0, with_one.stderr
    assert without.returncode != 0


def test_the_spool_gives_back_what_the_analyser_needs(receiver: RunningReceiver) -> None:
    series = ct_series(3)
    send(receiver.port, series)
    with receiver.ledger() as ledger:
        [(study, newest)] = ledger.studies_changed_since(0).items()
        instances = ledger.instances(study)
        assert ledger.studies_changed_since(newest) == {}
        assert ledger.last_received_at(study) == instances[-1].received_at
    assert newest == instances[-1].id
    assert all(isinstance(each, SpooledInstance) for each in instances)
    assert [each.instance for each in instances] == [
        receiver.master.instance_key(one.SOPInstanceUID) for one in series
    ]
