from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.acquisition.media import write_clip
from tests.acquisition.network import unvisited_port
from vidforensics.acquisition import read_container, read_credentials
from vidforensics.errors import InputError

c2pa = pytest.importorskip("c2pa")
x509 = pytest.importorskip("cryptography.x509")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402


def _certificate(subject: str, issuer: str, key: object, signer: object, is_root: bool) -> object:
    def name(common: str) -> object:
        pairs = ((NameOID.ORGANIZATION_NAME, "Test Org"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])

    unused = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    usage = dict.fromkeys(unused, False)
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())  # type: ignore[attr-defined]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)  # type: ignore[attr-defined]
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),  # type: ignore[attr-defined]
            critical=False,
        )
    )
    if not is_root:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True
        )
    return builder.sign(signer, hashes.SHA256())


@pytest.fixture(scope="module")
def signer_info() -> object:
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = (
        _certificate("Test Signer", "Test Root", leaf, root, False),
        _certificate("Test Root", "Test Root", root, root, True),
    )
    pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)  # type: ignore[attr-defined]
    key = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return c2pa.C2paSignerInfo(alg=b"es256", sign_cert=pem, private_key=key, ta_url=None)


def _sign(source: Path, target: Path, info: object, remote: str | None = None) -> Path:
    created = {
        "action": "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture",
    }
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "title": "<script>",
        "format": "video/mp4",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    }
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
        if remote:
            builder.set_remote_url(remote)
            builder.set_no_embed()
        with source.open("rb") as reader, target.open("w+b") as writer:
            builder.sign(signer, "video/mp4", reader, writer)
    return target


def test_signed_file_is_valid_and_a_changed_copy_is_not(tmp_path: Path, signer_info: object) -> None:
    signed = _sign(write_clip(tmp_path / "a.mp4"), tmp_path / "signed.mp4", signer_info)
    found = read_credentials(signed)
    assert found.state == "valid"
    assert "Test Org" in found.sentence
    assert "not assessed" in found.sentence
    assert found.manifest is not None
    assert found.manifest["manifests"][found.manifest["active_manifest"]]["title"] == "<script>"

    content = bytearray(signed.read_bytes())
    content[content.index(b"mdat") + 40] ^= 0xFF
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(content)
    found = read_credentials(changed)
    assert found.state == "invalid"
    assert "assertion.bmffHash.mismatch" in found.sentence


def test_damaged_manifest_is_unreadable(tmp_path: Path, signer_info: object) -> None:
    signed = _sign(write_clip(tmp_path / "a.mp4"), tmp_path / "signed.mp4", signer_info)
    content = bytearray(signed.read_bytes())
    at = content.index(bytes.fromhex("d8fec3d6"))
    content[at + 60 : at + 200] = b"\xff" * 140
    signed.write_bytes(content)
    assert read_credentials(signed).state == "unreadable"


def test_box_of_the_manifest_is_named(tmp_path: Path, signer_info: object) -> None:
    from vidforensics.acquisition import probe

    signed = _sign(write_clip(tmp_path / "a.mp4"), tmp_path / "signed.mp4", signer_info)
    boxes = read_container(signed, probe(signed)).boxes
    assert "C2PA content credentials" in [b.summary for b in boxes if b.kind == "uuid"]


def test_remote_manifest_is_never_fetched(tmp_path: Path, signer_info: object) -> None:
    with unvisited_port() as port:
        address = f"http://127.0.0.1:{port}/manifest.c2pa"
        remote = _sign(write_clip(tmp_path / "a.mp4"), tmp_path / "remote.mp4", signer_info, remote=address)
        found = read_credentials(remote)
    assert found.state == "unreadable"
    assert "not fetched" in found.sentence


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi"])
def test_none_means_nothing(tmp_path: Path, name: str) -> None:
    found = read_credentials(write_clip(tmp_path / name))
    assert found.state == "none"
    assert "means nothing" in found.sentence
    assert found.manifest is None


@pytest.mark.parametrize(
    "content", [b"text", b"\x00\x00\x00\x18ftypisom", b"RIFF\xff\xff\xff\xffAVI ", b"ID3"]
)
def test_broken_files_are_none_or_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content + b"\xff" * 40)
    assert read_credentials(path).state in ("none", "unreadable")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_credentials(tmp_path / "none")
