from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from assets.names import original_name, validate_key, validate_original_name, validate_tag


@pytest.mark.parametrize(
    ("file_name", "kept"),
    [
        ("photo.jpg", "photo"),
        ("photo", "photo"),
        ("a.b.c.png", "a.b.c"),
        ("Mein Porträt (1).jpg", "Mein_Portr_t_1"),
        ("写真.jpg", "unknown"),
        ("写a真.jpg", "a"),
        ("C:\\Users\\me\\Ein Bild.final.JPG", "Ein_Bild.final"),
        ("C:photo.jpg", "C_photo"),
        ("../../etc/passwd", "passwd"),
        ("dir/sub/photo.jpg", "photo"),
        ("mixed\\dir/photo.jpg", "photo"),
        ("a   b___c.jpg", "a_b_c"),
        ("_.lead._.jpg", "lead"),
        ("-dash-.jpg", "-dash-"),
        (".htaccess", "unknown"),
        (".jpg", "unknown"),
        ("photo.", "photo"),
        ("...", "unknown"),
        ("", "unknown"),
        ("a\x00b\r\nc.jpg", "a_b_c"),
        ("x" * 300 + ".jpg", "x" * 128),
        ("x" * 127 + "._y.jpg", "x" * 127),
        ("a." + "e" * 300, "a"),
        ('"><script>.jpg', "script"),
    ],
)
def test_an_original_name_is_the_safe_base_name_without_its_extension(file_name: str, kept: str) -> None:
    assert original_name(file_name) == kept


@given(st.text(max_size=400))
def test_every_original_name_is_safe_and_names_a_file(file_name: str) -> None:
    name = original_name(file_name)
    assert 1 <= len(name) <= 128
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert "__" not in name
    assert name == name.strip("_.")
    assert original_name(f"{name}.jpg") == name
    validate_original_name(name)


@pytest.mark.parametrize("key", ["shoe", "products/shoe", "a/b/c", "A-1_b~", "x" * 200, "metadata/shoe", "0" * 31])
def test_accepts_a_path_as_a_key(key: str) -> None:
    validate_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "/a", "a/", "a//b", "a.b", "a.jpg", "..", "a/../b", "ä", "a b", "a%2Fb", "a?b", "a\n", "a\\b",
        "x" * 201, "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5dac96774bbcceb302099a8057",
        "01890A5D-AC96-774B-BCCE-B302099A8057/shoe", "metadata", "products/metadata", "a/purge", "a/variants", "０",
    ],
)  # fmt: skip
def test_refuses_a_key_that_is_no_path_or_could_be_taken_for_something_else(key: str) -> None:
    with pytest.raises(ValidationError):
        validate_key(key)


@pytest.mark.parametrize("tag", ["summer", "2026", "a-b_c", "x" * 50])
def test_accepts_short_words_as_tags(tag: str) -> None:
    validate_tag(tag)


@pytest.mark.parametrize("tag", ["", "Summer", "a b", "-a", "a\n", "ä", "x" * 51])
def test_refuses_other_tags(tag: str) -> None:
    with pytest.raises(ValidationError):
        validate_tag(tag)


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "a\\b", "a\nb", "a\rb", "a\x00b", "a\x1bb"])
def test_a_name_given_by_hand_must_be_one_that_a_file_could_have(name: str) -> None:
    with pytest.raises(ValidationError):
        validate_original_name(name)
