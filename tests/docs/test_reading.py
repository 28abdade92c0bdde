"""Pages are read as tests/docs/README.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import MALFORMED, Block, blocks_of

PAGE = """# A page

```bash
echo one
```

<!-- test: skip because it needs root -->
```bash
reboot
```

<!-- test: bash
echo hidden
-->
~~~python
"```"
~~~

- an item

  <!-- test: skip because it is a part -->
  ```bash
  curl
    -f
  ```

<!-- test: skip because nothing follows at once -->

Prose.

```
plain
```
"""


@pytest.fixture
def blocks(tmp_path: Path) -> list[Block]:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return list(blocks_of(page))


def test_finds_all_blocks_in_order_with_their_lines(blocks: list[Block]) -> None:
    assert [(block.line, block.language, block.code) for block in blocks] == [
        (3, "bash", "echo one\n"),
        (8, "bash", "reboot\n"),
        (12, "bash", "echo hidden\n"),
        (15, "python", '"```"\n'),
        (22, "bash", "curl\n  -f\n"),
        (31, "", "plain\n"),
    ]


def test_hears_only_what_is_said_right_before_a_block(blocks: list[Block]) -> None:
    assert [block.skip_reason for block in blocks] == ["", "it needs root", "", "", "it is a part", ""]


@pytest.mark.parametrize(
    "text",
    ["<!-- test skip because x -->", "<!-- test: skip -->", "<!-- test: skip because -->", "<!-- test: sh\nls\n-->"],
)
def test_a_comment_that_would_be_ignored_is_noticed(text: str) -> None:
    assert MALFORMED.search(text)


@pytest.mark.parametrize("text", ["<!-- test: skip because x -->", "<!-- test: bash\nls\n-->", "<!-- a note -->"])
def test_a_right_comment_is_none_of_those(text: str) -> None:
    assert not MALFORMED.search(text)
