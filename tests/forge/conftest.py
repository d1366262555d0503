"""The suite of forges is no test module by its name; its assertions shall say what is wrong too."""

import pytest

pytest.register_assert_rewrite("tests.forge.suite")
