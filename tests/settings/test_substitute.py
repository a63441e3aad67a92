"""`{NAME}`: where values come from, and what happens to them on the way into a URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsense_daemon.settings.substitute import Substitution, SubstitutionError

from .conftest import Report, camera_with


def test_a_name_is_replaced_from_the_environment() -> None:
    """The value of the variable stands where its name stood."""
    assert Substitution({"HOST": "192.168.1.10"})("rtsp://{HOST}/stream1") == "rtsp://192.168.1.10/stream1"


def test_a_name_is_replaced_from_systemds_credentials(tmp_path: Path) -> None:
    """LoadCredential= puts one file a secret into a folder; the line break at its end is not part of it."""
    (tmp_path / "CAM_PASSWORD").write_text("secret words\n")

    substitute = Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert substitute("{CAM_PASSWORD}") == "secret words"
    assert substitute.secrets == {"secret words"}


def test_the_environment_wins_over_a_credential(tmp_path: Path) -> None:
    """A value given by hand is taken before the installed one."""
    (tmp_path / "CAM_PASSWORD").write_text("installed")

    substitute = Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path), "CAM_PASSWORD": "by hand"})

    assert substitute("{CAM_PASSWORD}") == "by hand"


def test_doubled_braces_stand_for_themselves() -> None:
    """A program's argument may hold braces."""
    assert Substitution({})('{{"text": "{{}}"}}') == '{"text": "{}"}'


@pytest.mark.parametrize("text", ["{", "}", "{}", "{ NAME }", "{a-b}", "{1A}", "a { b"])
def test_a_lone_brace_says_how_it_is_written(text: str) -> None:
    """What is no name in braces is no name: the message shows both ways to write it."""
    with pytest.raises(SubstitutionError, match="written twice"):
        Substitution({})(text)


def test_an_unknown_name_is_reported_with_its_line_and_the_nearest_one(report: Report) -> None:
    """A typing error in a variable's name is found at once, not by a camera that refuses the password."""
    said = report(camera_with(substream_url="rtsp://{CAM_USR}@192.168.1.10/"))

    assert "vidsense.yaml:4:20: cameras.porch.substream_url" in said
    assert "{CAM_USR} is not in the environment" in said
    assert "did you mean 'CAM_USER'?" in said


def test_an_unknown_name_gives_one_mistake_and_no_second_one(report: Report) -> None:
    """The value that could not be read is not also reported as a wrong value."""
    assert report("cameras:\n  porch: {url: '{NOWHERE}'}\n").startswith("vidsense.yaml has a mistake:")


def test_a_credential_that_is_missing_names_the_folder(tmp_path: Path) -> None:
    """With credentials at hand, the message says where the file was looked for."""
    (tmp_path / "vidsense_CAM_PASSWD").write_text("secret")

    with pytest.raises(SubstitutionError, match=f"no file CAM_PASSWORD can be read in {tmp_path}") as told:
        Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path)})("{CAM_PASSWORD}")

    assert told.value.meant == "CAM_PASSWD"


def test_a_folder_of_credentials_that_systemd_loaded_is_read(tmp_path: Path) -> None:
    """LoadCredential=vidsense:FOLDER names each file of the folder vidsense_NAME."""
    (tmp_path / "vidsense_CAM_PASSWORD").write_text("swordfish\n")

    assert Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path)})("{CAM_PASSWORD}") == "swordfish"


def test_the_folder_beside_the_configuration_is_read_without_systemd(tmp_path: Path) -> None:
    """`sudo vidsense check` finds the secrets that the service finds; they are masked as well."""
    (tmp_path / "CAM_PASSWORD").write_text("swordfish\n")
    substitute = Substitution({}, beside=tmp_path)

    assert substitute("{CAM_PASSWORD}") == "swordfish"
    assert substitute.secrets == {"swordfish"}


def test_what_systemd_loaded_wins_over_the_folder_beside(tmp_path: Path) -> None:
    """The service reads what it was given."""
    for folder, value in (("loaded", "new"), ("beside", "old")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "CAM_PASSWORD").write_text(value)
    substitute = Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path / "loaded")}, beside=tmp_path / "beside")

    assert substitute("{CAM_PASSWORD}") == "new"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"two\nlines", b"a\x00b"])
def test_a_credential_that_is_no_line_of_text_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key file in the place of a password is found before a camera sees it."""
    (tmp_path / "CAM_PASSWORD").write_bytes(content)

    with pytest.raises(SubstitutionError, match="CAM_PASSWORD"):
        Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path)})("{CAM_PASSWORD}")


@pytest.mark.parametrize("kind", ["environment", "credential"])
def test_an_empty_value_is_refused(tmp_path: Path, kind: str) -> None:
    """A password that nobody has filled in is a mistake now, not a camera that refuses for no visible reason."""
    (tmp_path / "CAM_PASSWORD").write_text("\n")
    substitute = Substitution({"CAM_PASSWORD": ""} if kind == "environment" else {}, beside=tmp_path)

    with pytest.raises(SubstitutionError, match=r"\{CAM_PASSWORD\} is empty"):
        substitute("rtsp://admin:{CAM_PASSWORD}@camera/")


def test_no_name_leaves_the_credentials_folder(tmp_path: Path) -> None:
    """`{../x}` is not a name."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret").write_text("x")

    with pytest.raises(SubstitutionError, match="written twice"):
        Substitution({"CREDENTIALS_DIRECTORY": str(tmp_path / "inner")})("{../secret}")


_PASSWORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)


@settings(deadline=None)  # the machine may be busy
@given(user=_PASSWORDS, password=_PASSWORDS)
def test_any_user_and_password_survive_the_way_through_a_url(user: str, password: str) -> None:
    """Whatever characters they hold, decoding the URL's user part gives them back, and the host stays the host."""
    url = Substitution({"U": user, "P": password})("rtsp://{U}:{P}@192.168.1.10:554/stream1")

    parts = urlsplit(url)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port, parts.path) == ("192.168.1.10", 554, "/stream1")


def test_a_value_in_a_query_is_encoded_too() -> None:
    """Cameras that want the password in the query get it whole."""
    assert Substitution({"P": "a&b=c"})("http://h/snap?user=x&pwd={P}") == "http://h/snap?user=x&pwd=a%26b%3Dc"


@pytest.mark.parametrize("text", ["http://{V}/x", "http://h/{V}", "http://h/{V}@2x.jpg", "{V}", "Bearer {V}"])
def test_a_value_elsewhere_stays_as_it_is(text: str) -> None:
    """Hosts, paths, headers and whole URLs are taken as they are."""
    assert Substitution({"V": "a:b"})(text) == text.replace("{V}", "a:b")


@pytest.mark.parametrize(
    ("name", "is_secret"), [("CAM_PASSWORD", True), ("API_KEY", True), ("ntfy_token", True), ("HOST", False)]
)
def test_values_are_secret_by_their_names(name: str, is_secret: bool) -> None:
    """A password is masked in every log; a host's name is not, or no line could be read."""
    substitute = Substitution({name: "swordfish"})
    substitute(f"{{{name}}}")

    assert ("swordfish" in substitute.secrets) is is_secret
