"""One small folder of real picture files."""

from pathlib import Path

import pytest

from tests.netaug_core import shapes


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the dataset `stripes`; not to be changed."""
    root = tmp_path_factory.mktemp("data")
    shapes.write_folder(root / "stripes")
    return root
