"""docs/signing.md keeps its word: the vectors hold for the service and for every recipe.

The vectors were computed with the openssl command, not with code of this project.
"""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from delivery.signing import SigningKey, sign_url, verify
from imgopt.errors import STATUS
from pipeline.errors import ImgoptError

DOCS = Path(__file__).parents[2] / "docs"
RECIPES = DOCS / "recipes"
VECTORS = json.loads((DOCS / "signing-vectors.json").read_text("utf-8"))
SECRETS = {kid: bytes.fromhex(text) for kid, text in VECTORS["keys"].items()}
BASE = "https://img.example.org"

VALID = VECTORS["valid"]
INVALID = VECTORS["invalid"]
FOR_RECIPES = [case for case in VALID if "params" in case]

NODE = """
const { sign, signWeb } = require(process.argv[1]);
const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
(async () => {
  const out = [];
  for (const c of cases) {
    const { expires, ...params } = Object.fromEntries(c.params);
    const given = ["https://img.example.org", c.path, params, c.kid, c.secret, expires];
    out.push([sign(...given), await signWeb(...given)]);
  }
  console.log(JSON.stringify(out));
})();
"""

PHP = """
require $argv[1];
$out = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $c) {
    $params = array_column($c["params"], 1, 0);
    $expires = isset($params["expires"]) ? (int) $params["expires"] : null;
    unset($params["expires"]);
    $out[] = [imgopt_sign("https://img.example.org", $c["path"], $params, $c["kid"], $c["secret"], $expires)];
}
echo json_encode($out);
"""

GO = """package main

import (
	"encoding/json"
	"os"
	"strconv"

	"check/imgopt"
)

type vector struct {
	Path, Kid, Secret string
	Params            [][2]string
}

func main() {
	var cases []vector
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	out := [][]string{}
	for _, c := range cases {
		params, expires := map[string]string{}, int64(0)
		for _, pair := range c.Params {
			if pair[0] == "expires" {
				expires, _ = strconv.ParseInt(pair[1], 10, 64)
			} else {
				params[pair[0]] = pair[1]
			}
		}
		url, err := imgopt.Sign("https://img.example.org", c.Path, params, c.Kid, c.Secret, expires)
		if err != nil {
			panic(err)
		}
		out = append(out, []string{url})
	}
	json.NewEncoder(os.Stdout).Encode(out)
}
"""


def _name(case: dict[str, Any]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", case["name"].lower()).strip("-")


def _split(url: str) -> tuple[str, str]:
    """The path as a WSGI server gives it, percent-decoded, and the query as it stands."""
    path, _, query = url.partition("?")
    return unquote(path), query


def _run(command: list[str], **options: Any) -> list[list[str]]:
    cases = [{**case, "secret": VECTORS["keys"][case["kid"]]} for case in FOR_RECIPES]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=100, **options)
    assert done.returncode == 0, done.stderr
    signed: list[list[str]] = json.loads(done.stdout)
    return signed


def _need(tool: str) -> str:
    return shutil.which(tool) or pytest.skip(f"{tool} is not installed here")


def _expected(times: int = 1) -> list[list[str]]:
    return [[BASE + case["url"]] * times for case in FOR_RECIPES]


def test_there_are_enough_vectors_and_each_has_its_own_name() -> None:
    assert len(FOR_RECIPES) >= 12
    assert len(INVALID) >= 12
    names = [_name(case) for case in [*VALID, *INVALID]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", VALID, ids=_name)
def test_the_service_signs_as_the_vector_says(case: dict[str, Any]) -> None:
    key = SigningKey(case["kid"], SECRETS[case["kid"]])
    signed = sign_url(case["path"], case["pairs"], key)
    assert signed.endswith(f"s={case['s']}")
    assert sorted(signed.partition("?")[2].split("&")) == sorted(case["url"].partition("?")[2].split("&"))


@pytest.mark.parametrize("case", VALID, ids=_name)
def test_the_service_accepts_the_url_of_a_valid_vector(case: dict[str, Any]) -> None:
    verified = verify(*_split(case["url"]), SECRETS, VECTORS["now"])
    assert verified.pairs == tuple(sorted(case["pairs"]))


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_the_service_refuses_the_url_of_an_invalid_vector(case: dict[str, Any]) -> None:
    with pytest.raises(ImgoptError) as refused:
        verify(*_split(case["url"]), SECRETS, VECTORS["now"])
    assert refused.value.code == case["code"]


def test_the_python_recipe_signs_every_vector() -> None:
    sign = runpy.run_path(str(RECIPES / "sign.py"))["sign"]
    signed = []
    for case in FOR_RECIPES:
        params = dict(case["params"])
        expires = params.pop("expires", None)
        signed.append([sign(BASE, case["path"], params, case["kid"], VECTORS["keys"][case["kid"]], expires)])
    assert signed == _expected()


@pytest.mark.parametrize("path", ["/i/a b", "/i/a%20b", "/i/a\nb", "/i/ä", "i/a", "/i/a?w=1", "/i/a\n", ""])
def test_the_python_recipe_and_the_service_refuse_the_same_paths(path: str) -> None:
    sign = runpy.run_path(str(RECIPES / "sign.py"))["sign"]
    with pytest.raises(ValueError, match="path"):
        sign(BASE, path, {"w": 1}, "k1", "00" * 32)
    with pytest.raises(ValueError, match="path"):
        sign_url(path, ["w=1"], SigningKey("k1", bytes(32)))


def test_both_javascript_recipes_sign_every_vector() -> None:
    assert _run([_need("node"), "-e", NODE, str(RECIPES / "sign.js")]) == _expected(2)


def test_the_php_recipe_signs_every_vector() -> None:
    assert _run([_need("php"), "-r", PHP, "--", str(RECIPES / "sign.php")]) == _expected()


def test_the_go_recipe_signs_every_vector(tmp_path: Path) -> None:
    go = _need("go")
    (tmp_path / "imgopt").mkdir()
    shutil.copy(RECIPES / "sign.go", tmp_path / "imgopt" / "sign.go")
    (tmp_path / "main.go").write_text(GO)
    (tmp_path / "go.mod").write_text("module check\n\ngo 1.18\n")
    environment = {"PATH": str(Path(go).parent), "HOME": str(tmp_path), "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    assert _run([go, "run", "."], cwd=tmp_path, env=environment) == _expected()


@pytest.mark.parametrize("name", ["sign.py", "sign.js", "sign.php", "sign.go"])
def test_the_page_shows_each_recipe_as_it_is_in_its_file(name: str) -> None:
    page = (DOCS / "signing.md").read_text("utf-8")
    assert f"(recipes/{name})" in page
    assert (RECIPES / name).read_text("utf-8").strip() in page


def test_the_worked_example_of_the_page_is_a_vector() -> None:
    page = (DOCS / "signing.md").read_text("utf-8")
    example = next(case for case in VALID if case["name"] == "with the master's revision")
    assert example["message"] in page
    assert example["url"] in page
    assert VECTORS["keys"][example["kid"]] in page


def test_the_page_tells_the_status_of_every_refusal() -> None:
    page = (DOCS / "signing.md").read_text("utf-8")
    for code in {case["code"] for case in INVALID}:
        assert re.search(rf"\| {STATUS[code]} \| `{code}` \|", page), code
