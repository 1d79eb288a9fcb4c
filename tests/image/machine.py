"""A virtual machine with UEFI, Secure Boot, a TPM2, one disk, one stick; emulated, without KVM."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.image import firmware, guest
from tests.image.disk import esp_offset
from tests.simulators.box import wait_until
from tests.simulators.mail import free_port

DISK_BYTES = 12 << 30


@dataclass(frozen=True)
class Answer:
    """What a command in the guest came to."""

    status: int
    out: str
    err: str


@dataclass
class VirtualMachine:
    """Made from a built image; started and cut off as often as a test likes.

    dicom: the port of loopback that leads to the guest's 11112.
    """

    built: Path
    folder: Path
    stick: Path | None = None
    has_tpm: bool = True
    is_shipped_kernel: bool = False
    dicom: int = field(default_factory=free_port)
    started_at: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    tpm: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    agent: socket.socket | None = field(default=None, repr=False)
    tap: int | None = None
    _sockets: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(dir="/run")), repr=False)
    _heard: bytes = field(default=b"", repr=False)

    @property
    def disk(self) -> Path:
        """The raw disk."""
        return self.folder / "disk.raw"

    @property
    def agent_initrd(self) -> Path:
        """What brings the test's agent into a guest."""
        return self.folder / "agent.cpio"

    @property
    def console(self) -> str:
        """All that went to the serial console since the machine was made."""
        return (self.folder / "console").read_text(errors="replace")

    def make(self) -> None:
        """A new disk with the image on it, firmware with our keys, an empty TPM."""
        self.folder.mkdir(parents=True)
        subprocess.run(
            ["cp", "--sparse=always", self.built / "osteon.raw", self.disk], check=True, timeout=300
        )
        with self.disk.open("r+b") as disk:
            disk.truncate(DISK_BYTES)
        self.enrol_keys()
        (self.folder / "tpm").mkdir()
        if not self.is_shipped_kernel:
            guest.write_initrd(self.agent_initrd)
            image = self.folder / "test.efi"
            self.put_kernel(firmware.kernel_image(self.built, image, self.agent_initrd))

    def enrol_keys(self, *, is_secure: bool = True) -> None:
        """The firmware forgets all else. is_secure: whether it starts what they signed, only."""
        firmware.variables(self.folder / "variables.fd", is_secure=is_secure)

    def put_kernel(self, image: Path) -> None:
        """Put a kernel image in place of each that the disk may start."""
        esp = f"{self.disk}@@{esp_offset(self.disk)}"
        for name in firmware.in_tools("mdir", "-b", "-i", esp, "::/EFI/Linux").split():
            firmware.in_tools("mcopy", "-o", "-i", esp, image, name)

    def start(self) -> None:
        """Switch it on."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._heard = b""
        if self.has_tpm:
            self.tpm = self._tool(
                *("swtpm", "socket", "--tpm2", "--terminate", "--tpmstate"),
                *(f"dir={self.folder / 'tpm'}", "--ctrl", f"type=unixio,path={self._tpm_socket}"),
            )
            wait_until(self._tpm_socket.exists, 60)
        self.started_at = time.monotonic()
        self.process = self._tool("qemu-system-x86_64", *self._words(listener.getsockname()[1]))
        listener.settimeout(120)
        self.agent, _ = listener.accept()
        listener.close()

    @property
    def _tpm_socket(self) -> Path:
        return self._sockets / "tpm"

    def _tool(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "qemu.log").open("ab") as log:
            return subprocess.Popen(
                ["nice", "-n", "5", firmware.IN_TOOLS, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self.tap] if self.tap is not None else [],
            )

    def _words(self, agent_port: int) -> list[str]:
        pflash = "if=pflash,unit={},format=raw,file={}"
        words = [
            *("-nodefaults", "-display", "none", "-machine", "q35,smm=on", "-cpu", "max"),
            *("-accel", "tcg,thread=multi", "-smp", "2", "-m", "4096"),
            *("-global", "driver=cfi.pflash01,property=secure,value=on"),
            *("-drive", pflash.format(0, firmware.OVMF) + ",readonly=on"),
            *("-drive", pflash.format(1, self.folder / "variables.fd")),
            *("-chardev", f"file,id=console,append=on,path={self.folder / 'console'}"),
            *("-serial", "chardev:console", "-device", "virtio-rng-pci", "-vga", "std"),
            *("-monitor", f"unix:{self._sockets / 'monitor'},server=on,wait=off"),
            *("-drive", f"if=none,id=disk,format=raw,discard=unmap,file={self.disk}"),
            *("-device", "nvme,drive=disk,serial=OSTEON-TEST-1", "-device", "qemu-xhci"),
            *("-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.dicom}-:11112"),
            *("-device", "virtio-net-pci,netdev=net"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,host=127.0.0.1,port={agent_port}"),
            *("-device", f"virtserialport,chardev=agent,name={guest.PORT}"),
            *("-smbios", "type=1,uuid=6f737465-6f6e-4e1b-8d3c-000000000001,serial=BOX-0001"),
        ]
        if self.has_tpm:
            words += ["-chardev", f"socket,id=tpm,path={self._tpm_socket}"]
            words += ["-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm"]
        if self.stick is not None:
            words += ["-drive", f"if=none,id=stick,format=raw,file={self.stick}"]
            words += ["-device", "usb-storage,drive=stick,removable=on"]
        if self.tap is not None:
            words += [
                "-netdev",
                f"tap,id=tap,fd={self.tap}",
                "-device",
                "virtio-net-pci,netdev=tap",
            ]
        return words

    def wait_for_agent(self, seconds: float) -> float:
        """Wait until commands can be run in it; seconds since it was switched on."""
        assert json.loads(self._line(seconds)) == {"hello": True}
        return self.seconds()

    def seconds(self) -> float:
        """Since it was switched on."""
        return time.monotonic() - self.started_at

    def _line(self, seconds: float) -> bytes:
        assert self.agent is not None
        assert self.process is not None
        end = time.monotonic() + seconds
        self.agent.settimeout(1)
        while b"\n" not in self._heard:
            assert self.process.poll() is None, f"the machine has ended: {self.console[-3000:]}"
            assert time.monotonic() < end, f"no answer: {self.console[-3000:]}"
            try:
                self._heard += self.agent.recv(1 << 20)
            except TimeoutError:
                continue
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def run(
        self, *words: str, said: bytes = b"", is_checked: bool = True, seconds: float = 300
    ) -> Answer:
        """Run a command in the guest as root."""
        assert self.agent is not None
        order = {
            "words": words,
            "input": base64.b64encode(said).decode(),
            "seconds": seconds,
        }
        self.agent.sendall(json.dumps(order).encode() + b"\n")
        told = json.loads(self._line(seconds + 60))
        out, err = (base64.b64decode(told.get(name, "")).decode() for name in ("out", "err"))
        answer = Answer(told["status"], out, err)
        assert not is_checked or answer.status == 0, f"{words}: {answer.out}{answer.err}"
        return answer

    def restarts(self, begin: Callable[[], object]) -> None:
        """Do what starts the guest anew; `wait_for_agent` comes next."""
        begin()
        self.started_at = time.monotonic()

    def types(self, text: str) -> None:
        """Type at its keyboard; a line's end is the Enter key."""
        for letter in text:
            key = {"\n": "ret", " ": "spc"}.get(letter, letter.lower())
            self.monitor(f"sendkey {'shift-' if letter.isupper() else ''}{key}")

    def monitor(self, command: str) -> None:
        """Tell QEMU something."""
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(30)
            talk.connect(str(self._sockets / "monitor"))
            talk.sendall(f"{command}\n".encode())
            while talk.recv(4096).count(b"(qemu)") < 1:
                pass
            time.sleep(0.2)  # a key is held down for a tenth of a second

    def screen(self) -> str:
        """The text on its first console."""
        return self.run("cat", "/dev/vcs1").out

    def cut(self) -> None:
        """Take its power away: what was not flushed is lost."""
        assert self.process is not None
        self.process.kill()
        self._end()

    def power_off(self) -> None:
        """An orderly shutdown."""
        assert self.process is not None
        self.run("systemctl", "--no-block", "poweroff")
        self.process.wait(300)
        self._end()

    def _end(self) -> None:
        assert self.process is not None
        self.process.wait(60)
        if self.agent is not None:
            self.agent.close()
        if self.tpm is not None:
            try:
                self.tpm.wait(10)
            except subprocess.TimeoutExpired:
                self.tpm.kill()
                self.tpm.wait()
            self._tpm_socket.unlink(missing_ok=True)

    def clear(self) -> None:
        """End it, whatever it does, and delete what it was made of."""
        if self.process is not None and self.process.poll() is None:
            self.cut()
        shutil.rmtree(self._sockets, ignore_errors=True)
        self.disk.unlink(missing_ok=True)


def write_stick(place: Path, files: dict[str, bytes]) -> Path:
    """A stick labelled OSTEON with these files in its top folder."""
    folder = place.with_suffix(".files")
    folder.mkdir()
    with place.open("wb") as stick:
        stick.truncate(32 << 20)
    firmware.in_tools("mformat", "-i", place, "-F", "-v", "OSTEON", "::")
    for name, content in files.items():
        (folder / name).write_bytes(content)
        firmware.in_tools("mcopy", "-i", place, folder / name, "::")
    return place
