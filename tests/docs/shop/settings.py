from imgopt.settings import *  # noqa: F403
from imgopt.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.docs.shop"]
