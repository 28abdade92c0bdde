"""The REST API of markup: `srcset` and `<picture>` of a master, for sites that do not sign themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.descriptions import FETCHED
from assets.masters import get_master
from delivery import markup
from imgopt_client.sources import TYPES
from pipeline.errors import BadParameter

SWITCHES = {"1": True, "true": True, "0": False, "false": False}
IN_PYTHON = {"expiresIn": "expires_in"}
NOT_HERE = ("absolute", "fm", "format", *IN_PYTHON.values())

WIDTHS = OpenApiParameter("widths", description="Widths to offer, such as `320,640,1280`; the default is seven.")
SIZES = OpenApiParameter("sizes", description="As in HTML, such as `(max-width: 600px) 100vw, 50vw`.")
PRESET = OpenApiParameter("preset", description="Name of a preset.")
EXPIRES_IN = OpenApiParameter("expiresIn", int, description="Seconds from now after which the URLs are refused.")
OTHERS = "Any other parameter is one of a delivery URL (`ar=16:9`, `fit=crop` …); `w` or `h` make a fixed size."


URL = "https://images.example.com/i/products/shoe?fm=avif&v=1&w=640&s=…"
SRCSET = {
    "srcset": {
        "image/avif": {
            "srcset": f"{URL} 640w",
            "candidates": [{"url": URL, "descriptor": "640w", "width": 640, "height": 480}],
        }
    }
}
PICTURE = {
    "html": '<picture><source type="image/avif" srcset="…" sizes="100vw"><img src="…" alt="A red shoe" …></picture>',
    "sources": [{"type": "image/avif", "srcset": f"{URL} 640w", "sizes": "100vw"}],
    "img": {"src": URL, "alt": "A red shoe", "width": "640", "height": "480", "loading": "lazy"},
}


class CandidateSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Signed and absolute.")
    descriptor = serializers.CharField(help_text="Such as 640w or 2x.")
    width = serializers.IntegerField(help_text="Pixels of the file that comes.")
    height = serializers.IntegerField()


class SourceSetSerializer(serializers.Serializer[Any]):
    srcset = serializers.CharField(help_text="The attribute's value, not escaped.")
    candidates = CandidateSerializer(many=True)


class SrcsetSerializer(serializers.Serializer[Any]):
    srcset = serializers.DictField(child=SourceSetSerializer(), help_text="By type, such as image/avif.")


class PictureSerializer(serializers.Serializer[Any]):
    html = serializers.CharField(help_text="The markup, escaped.")
    sources = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()), help_text="Attributes of each <source>."
    )
    img = serializers.DictField(child=serializers.CharField(), help_text="Attributes of the <img>.")


class Srcset(APIView):
    """`GET` gives the candidates of a master in each format."""

    required_scopes: Mapping[str, str] = {"GET": "sign"}

    @extend_schema(
        operation_id="getImageSrcset",
        summary="Candidates of a srcset",
        description=f"Signed URLs of a master in several sizes, never wider than it is. {OTHERS}",
        tags=["delivery"],
        parameters=[
            WIDTHS,
            PRESET,
            OpenApiParameter("formats", description=f"Out of {', '.join(TYPES)}; by default `avif,webp,jpg`."),
            EXPIRES_IN,
        ],
        responses={200: SrcsetSerializer, **FETCHED},
        examples=[OpenApiExample("One format", SRCSET, response_only=True)],
    )
    def get(self, request: Request, reference: str) -> Response:
        asked = _arguments(request)
        formats = asked.pop("formats", "avif,webp,jpg").split(",")
        master = get_master(reference)
        found = {TYPES.get(kind, kind): markup.offered(master, fm=kind, **asked) for kind in formats}
        return Response(
            {
                "srcset": {
                    media_type: {
                        "srcset": ", ".join(f"{each.url} {each.descriptor}" for each in candidates),
                        "candidates": CandidateSerializer(candidates, many=True).data,
                    }
                    for media_type, candidates in found.items()
                }
            }
        )


class Picture(APIView):
    """`GET` gives the markup of a master."""

    required_scopes: Mapping[str, str] = {"GET": "sign"}

    @extend_schema(
        operation_id="getImagePicture",
        summary="Markup of a picture",
        description=(
            "The `<picture>` of a master as text and as the attributes of its elements; docs/markup.md explains each "
            f"argument. {OTHERS}"
        ),
        tags=["delivery"],
        parameters=[
            OpenApiParameter("alt", required=True, description="What the picture shows; empty for decoration."),
            WIDTHS,
            SIZES,
            PRESET,
            OpenApiParameter("art", description="Such as `(max-width: 600px): ar=1:1 fit=crop`, split by semicolons."),
            OpenApiParameter("formats", description="Of the sources; by default `avif,webp`."),
            OpenApiParameter("hero", bool, description="Whether it is loaded at once and first."),
            OpenApiParameter("loading", enum=["lazy", "eager"], description="Of the `<img>`, as in HTML."),
            OpenApiParameter("fetchpriority", enum=["high", "low", "auto"], description="As in HTML."),
            OpenApiParameter("decoding", enum=["async", "sync", "auto"], description="As in HTML."),
            OpenApiParameter("class", description="Of the `<img>`."),
            OpenApiParameter("lqip", bool, description="Whether a placeholder lies behind the picture; true."),
            EXPIRES_IN,
        ],
        responses={200: PictureSerializer, **FETCHED},
        examples=[OpenApiExample("One source", PICTURE, response_only=True)],
    )
    def get(self, request: Request, reference: str) -> Response:
        asked = _arguments(request)
        if "alt" not in asked:
            raise BadParameter("Expected alt, an empty one for decoration, received none.")
        picture = markup.described(get_master(reference), **asked)
        return Response({"html": picture.html, "sources": picture.sources, "img": picture.img})


def _arguments(request: Request) -> dict[str, Any]:
    """This will read the query as keyword arguments of `delivery.markup`."""
    asked: dict[str, Any] = {}
    for name, values in request.query_params.lists():
        if len(values) != 1:
            raise BadParameter(f"Expected {name[:40]} once, received it {len(values)} times.")
        if name in NOT_HERE:
            raise BadParameter(f"Expected a parameter of markup, received {name!r}.")
        asked[IN_PYTHON.get(name, name)] = _switch(name, values[0]) if name in ("hero", "lqip") else values[0]
    return asked


def _switch(name: str, text: str) -> bool:
    if text not in SWITCHES:
        raise BadParameter(f"Expected one of {', '.join(SWITCHES)} for {name}, received {text[:40]!r}.")
    return SWITCHES[text]
