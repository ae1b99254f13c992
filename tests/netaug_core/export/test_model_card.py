import json

from netaug_core.export.model_card import as_markdown
from tests.netaug_core.conftest import FinishedRun


def test_a_card_names_the_family_and_width_or_the_users_own_network(
    finished_run: FinishedRun,
) -> None:
    card = json.loads((finished_run.out / "model_card.json").read_text())
    model = card["spec"]["model"]
    assert f"\n{model['name']} of width {model['width']}, trained" in as_markdown(card)

    model.update({"name": "custom", "network": {"stem": {"out_channels": 4}, "blocks": []}})
    assert "\nA network of your own, trained" in as_markdown(card)
