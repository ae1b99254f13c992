"""Picture files: of every kind, prepared or not, kept or not."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from netaug_core.data.counters import uniforms
from netaug_core.data.folder_images import PLACES, FolderImages
from netaug_core.data.image_cache import ImageCache
from netaug_core.errors import BadData
from netaug_core.sections.data import PreparationSpec

PREPARATIONS = [
    None,
    PreparationSpec(short_side=48),
    PreparationSpec(short_side=48, format="jpeg"),
]
TWO = np.arange(2)
DRAWS = uniforms(0, 0, TWO, 4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Two pictures with soft shapes in them, 200 x 150; not to be changed."""
    directory = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    paths = []
    for name in ("a.jpg", "b.png"):
        coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((200, 150), Image.Resampling.BICUBIC).save(directory / name)
        paths.append(directory / name)
    return tuple(paths)


def difference(first: Tensor, second: Tensor) -> float:
    return (first.float() - second.float()).abs().mean().item()


def by_torchvision(path: Path, size: int) -> Tensor:
    """The reference recipe's evaluation, by another library."""
    short = math.ceil(size / 0.875)
    transform = transforms.Compose([transforms.Resize(short), transforms.CenterCrop(size)])
    with Image.open(path) as image:
        return torch.from_numpy(np.array(transform(image.convert("RGB")))).permute(2, 0, 1)


def test_a_folder_s_pictures_become_rgb_squares(tmp_path: Path) -> None:
    paths = (tmp_path / "grey.png", tmp_path / "clear.png", tmp_path / "photo.jpg")
    Image.new("L", (50, 30), 200).save(paths[0])
    Image.new("RGBA", (20, 90), (10, 20, 30, 128)).save(paths[1])
    Image.new("RGB", (400, 300), (1, 2, 3)).save(paths[2])

    images = FolderImages(paths).load(np.arange(3), 28)

    assert images.shape == (3, 3, 28, 28)
    assert images.dtype == torch.uint8
    assert (images[0] == 200).all()
    assert images[1, :, 5, 5].tolist() == [10, 20, 30]


@pytest.mark.parametrize("size", [32, 96, 160])
def test_a_whole_picture_is_what_the_reference_recipe_makes_of_it(
    photos: tuple[Path, ...], size: int
) -> None:
    images = FolderImages(photos).load(TWO, size)

    assert difference(images[0], by_torchvision(photos[0], size)) < 1  # decoded at half its size
    assert difference(images[1], by_torchvision(photos[1], size)) < 0.1


def test_decoding_at_a_fraction_of_the_size_is_hardly_seen(tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    large = Image.fromarray(coarse).resize((1600, 1200), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=95)
    large.save(tmp_path / "large.png")
    source = FolderImages((tmp_path / "large.jpg", tmp_path / "large.png"))

    images = source.load(TWO, 32, np.repeat(DRAWS[:1], 2, axis=0))

    assert difference(images[0], images[1]) < 2


@pytest.mark.parametrize("preparation", PREPARATIONS, ids=str)
def test_the_cache_changes_no_pixel(
    photos: tuple[Path, ...], preparation: PreparationSpec | None
) -> None:
    cache = ImageCache(2 * PLACES, 1 << 20)
    kept, plain = FolderImages(photos, preparation, cache), FolderImages(photos, preparation)

    for _ in range(2):
        assert torch.equal(kept.load(TWO, 32, DRAWS), plain.load(TWO, 32, DRAWS))
        assert torch.equal(kept.load(TWO, 32), plain.load(TWO, 32))
    assert cache.used_bytes > 0


def test_kept_pictures_are_not_read_again(photos: tuple[Path, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photos[0].read_bytes())
    status = path.stat()
    source = FolderImages((path,), PREPARATIONS[1], ImageCache(PLACES, 1 << 20))
    before = source.load(TWO[:1], 32, DRAWS[:1])

    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert torch.equal(source.load(TWO[:1], 32, DRAWS[:1]), before)


def test_a_file_that_changes_is_read_again(photos: tuple[Path, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photos[1].read_bytes())
    source = FolderImages((path,), None, ImageCache(PLACES, 1 << 20))
    source.load(TWO[:1], 32)

    Image.new("RGB", (50, 50), (9, 9, 9)).save(path)

    assert (source.load(TWO[:1], 32) == 9).all()


def test_one_source_serves_several_sizes(photos: tuple[Path, ...]) -> None:
    source = FolderImages(photos, None, ImageCache(2 * PLACES, 1 << 20))

    sizes = [source.load(TWO, size).shape[-1] for size in (32, 16, 32)]

    assert sizes == [32, 16, 32]


@pytest.mark.parametrize("preparation", PREPARATIONS[1:], ids=str)
def test_a_prepared_crop_looks_like_the_exact_one(
    photos: tuple[Path, ...], preparation: PreparationSpec
) -> None:
    exact = FolderImages(photos).load(TWO, 24, DRAWS)

    prepared = FolderImages(photos, preparation).load(TWO, 24, DRAWS)

    # Shapes of 25 pixels; boxes on whole pixels of a third of the size, and JPEG's losses.
    assert difference(prepared, exact) < 8


@pytest.mark.parametrize("preparation", PREPARATIONS, ids=str)
@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1), (3000, 2)], ids=str)
def test_the_thinnest_pictures_work(
    tmp_path: Path, size: tuple[int, int], preparation: PreparationSpec | None
) -> None:
    for name in ("thin.png", "thin.jpg"):
        Image.new("RGB", size, (50, 100, 150)).save(tmp_path / name, quality=100)
    source = FolderImages((tmp_path / "thin.png", tmp_path / "thin.jpg"), preparation)

    images = torch.cat([source.load(TWO, 20), source.load(TWO, 20, DRAWS)])

    assert images.shape == (4, 3, 20, 20)
    # JPEG rounds colours, and of prepared ones twice.
    assert (images.float() - torch.tensor([50.0, 100, 150])[:, None, None]).abs().max() <= 4


@pytest.mark.parametrize("damage", ["text", "cut", "empty"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_damaged_picture_is_named_before_training_and_while(
    tmp_path: Path, damage: str, suffix: str
) -> None:
    path = tmp_path / f"broken.{suffix}"
    Image.effect_noise((64, 64), 50).save(path)
    content = path.read_bytes()
    path.write_bytes(
        {"text": b"no picture", "cut": content[: len(content) // 2], "empty": b""}[damage]
    )
    source = FolderImages((path, path))

    with pytest.raises(BadData, match=rf"broken\.{suffix} is not a readable .*; so are 1 more"):
        source.check()
    with pytest.raises(BadData, match=rf"broken\.{suffix} is not a readable image"):
        source.load(np.array([0]), 28)


def test_good_pictures_pass_the_check(photos: tuple[Path, ...]) -> None:
    FolderImages(photos).check()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_decompression_bomb_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"bomb.{suffix}"
    Image.new("L", (100, 100)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)

    with pytest.raises(BadData, match=rf"bomb\.{suffix} is not a readable image"):
        FolderImages((path,)).load(np.array([0]), 28)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    source = FolderImages((tmp_path / "gone.jpg",), None, ImageCache(PLACES, 1 << 10))

    with pytest.raises(BadData, match=r"gone\.jpg is not a readable image"):
        source.load(np.array([0]), 28)
