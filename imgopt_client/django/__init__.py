"""The template tags for Django sites whose pictures are on a remote imgopt service; needs Django.

INSTALLED_APPS = [..., "imgopt_client.django"]
IMGOPT_CLIENT = {"url": "https://img.example.org", "key_id": "k1", "secret": "…", "api_key": "imgo_live_…"}
"""
