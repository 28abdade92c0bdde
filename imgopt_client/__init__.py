"""URLs and markup for pictures of an imgopt service, with nothing but the standard library."""

from imgopt_client.image import Image, from_api
from imgopt_client.markup import Art, Picture, picture
from imgopt_client.service import Service, variant_url
from imgopt_client.sources import Candidate, candidates, srcset

__all__ = [
    "Art",
    "Candidate",
    "Image",
    "Picture",
    "Service",
    "candidates",
    "from_api",
    "picture",
    "srcset",
    "variant_url",
]
