"""The keys of the site YAML under `audit`: where the audit trail is sent."""

from __future__ import annotations

from appliance.config.option import Section, option
from appliance.config.values import AbsolutePath, Host, Port


class Syslog(Section):
    """A server that takes DICOM audit messages by syslog over TLS (PS3.15 A.6, RFC 5425)."""

    host: Host = option("Host name, as in the server's certificate", example="audit.qinghe.example")
    port: Port = option("TCP port", default=6514, example=6514)
    ca_file: AbsolutePath | None = option(
        "PEM file with the authority of its certificate; left out: those of the system",
        default=None,
        example="/etc/osteon/hospital-ca.pem",
    )


class Audit(Section):
    """Where the audit trail is sent, beside the one that the box keeps."""

    syslog: Syslog | None = option(
        "The hospital's audit record repository; left out: none",
        default=None,
        example={"host": "audit.qinghe.example", "port": 6514},
    )
