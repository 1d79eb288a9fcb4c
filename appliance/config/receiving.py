"""The keys of the site YAML under `dicom`: who may send, and how much they may hold."""

from __future__ import annotations

from appliance.config.option import Section, option
from appliance.config.values import AbsolutePath, AeTitle, ListenAddress, Network, Port


class ListenerTls(Section):
    """The encrypted DICOM listener, beside the plain one."""

    port: Port = option("TCP port for DICOM over TLS", example=2762)
    certificate_file: AbsolutePath = option(
        "PEM file with this box's certificate and its chain", example="/etc/osteon/dicom.crt"
    )
    key_file: AbsolutePath = option(
        "PEM file with the certificate's private key, mode 600", example="/etc/osteon/dicom.key"
    )
    ca_file: AbsolutePath | None = option(
        "PEM file with the authorities that signed the modalities' certificates",
        default=None,
        example="/etc/osteon/dicom-ca.crt",
    )
    require_client_certificate: bool = option(
        "Whether a modality must show a certificate", default=False, example=True
    )


class ListenerLimits(Section):
    """How much of the box a peer may hold, and for how long."""

    associations: int = option(
        "Associations open at once; each known modality keeps a place of its own",
        default=24,
        example=24,
        at_least=1,
        at_most=500,
    )
    associations_per_peer: int = option(
        "Of these, open at once by one modality", default=8, example=8, at_least=1, at_most=100
    )
    request_seconds: float = option(
        "From connecting to a whole association request",
        default=5.0,
        example=5.0,
        unit="seconds",
        at_least=0.5,
        at_most=60,
    )
    idle_seconds: float = option(
        "Silence after which an association is aborted",
        default=60.0,
        example=60.0,
        unit="seconds",
        at_least=1,
        at_most=3600,
    )
    maximum_pdu_bytes: int = option(
        "Longest protocol data unit that is announced and taken",
        default=131_072,
        example=131_072,
        unit="bytes",
        at_least=16_384,
        at_most=1_048_576,
    )
    keep_free_mib: int = option(
        "Room on the disk that images may not take, so that alerts still get out",
        default=1024,
        example=1024,
        unit="MiB",
        at_least=16,
        at_most=1_048_576,
    )


class Modality(Section):
    """A device that may send images."""

    ae_title: AeTitle = option("AE title with which it calls", example="CT_1", quoted=True)
    address: Network = option("Host or network from which it sends", example="192.168.10.21")


class Dicom(Section):
    """Receiving images."""

    ae_title: AeTitle = option("AE title of this box", example="OSTEON", quoted=True)
    address: ListenAddress = option(
        "Address of this machine on which it listens; 0.0.0.0 is all of them",
        default="0.0.0.0",  # noqa: S104 - only known modalities may associate
        example="0.0.0.0",  # noqa: S104 - as above
    )
    port: Port = option("TCP port of the plain listener", default=11112, example=11112)
    tls: ListenerTls | None = option(
        "DICOM over TLS, on a port of its own", default=None, example={}, shown=False
    )
    limits: ListenerLimits = option(
        "Limits that hold for every peer", default=ListenerLimits(), example={}, shown=False
    )
    modalities: tuple[Modality, ...] = option(
        "The devices that may send; nobody else is answered",
        example=[
            {"ae_title": "CT_1", "address": "192.168.10.21"},
            {"ae_title": "DR_1", "address": "192.168.20.0/24"},
        ],
        fewest=1,
    )
